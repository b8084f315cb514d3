/**
 * Where a channel is certified: the channel on one side, the simulated world on the other, real
 * HTTP between them. It hides the channel's configuration, so that scenarios are the same for all.
 */
import { createSimulator } from "../../../../../simulator/index.ts";
import type {
  Control,
  FaultKind,
  FaultParams,
  Operation,
  Refund,
  Trade,
} from "../../../../../simulator/index.ts";
import type {
  ChannelAccount,
  ChannelAnswer,
  ChannelPlug,
  ChannelRefund,
  ChannelTrade,
  NoticeVerdict,
  Prepared,
  PrepareRequest,
  RawNotice,
  RefundRequest,
} from "../../../../modules/payments/plug.ts";
import type { Clock } from "../../../../kernel/time.ts";
import { openInbox } from "./inbox.ts";

export interface Candidate<Config> {
  readonly plug: ChannelPlug<Config>;
  readonly account: ChannelAccount<Config>;
  /** Another merchant of the same channel. */
  readonly otherAccount: ChannelAccount<Config>;
  /** Takes the next step of a roll-over, and gives the account as it is configured from then on. */
  readonly rollKey?: (step: RollStep) => Promise<ChannelAccount<Config>>;
}

/** A new key is announced beside the one in use; it signs; the old one is no longer trusted. */
export type RollStep = "announce" | "use" | "retire";

/** What one channel does and another does not. Everything else holds for all. */
export interface Traits {
  readonly channel: Trade["channel"];
  /** Methods whose trade begins in a vendor's app, which the world does not play. */
  readonly methodsNotPlayed: readonly PrepareRequest["method"][];
  /** Whether a notice of yesterday is refused, or taken as one that comes late. */
  readonly staleNotices: "refused" | "taken";
  /** Whether the channel's keys change, and how the new ones come to the merchant. */
  readonly keysRoll: "never" | "over_the_wire" | "by_configuration";
  /** Whether a notice of a refund tells its amount. */
  readonly refundNoticeTellsAmount: boolean;
  /** How a refund may end besides well. */
  readonly refundEndings: readonly ("abnormal" | "closed")[];
}

export type CreateCandidate<Config> = (world: {
  readonly control: Control;
  readonly baseUrl: string;
  readonly clock: Clock;
}) => Promise<Candidate<Config>>;

export type Stand = Awaited<ReturnType<typeof openStand>>;

/** How long the world works on a refund; scenarios let this time pass, they do not wait for it. */
const refundMs = 1_000;
/** Far more than a call over loopback takes on a busy machine. */
const callMsMax = 20_000;

export async function openStand<Config>(traits: Traits, create: CreateCandidate<Config>) {
  const simulator = await createSimulator({ refundMs });
  const baseUrl = await simulator.listen();
  const { control } = simulator;
  let aheadMs = 0;
  const clock: Clock = { now: () => Date.now() + aheadMs };
  const candidate = await create({ control, baseUrl, clock });
  const { plug, otherAccount } = candidate;
  let { account } = candidate;
  const inbox = await openInbox(plug.noticeReply("taken"));
  const which = { channel: traits.channel, merchantId: account.merchantId };
  let numberCount = 0;

  const inTime = () => AbortSignal.timeout(callMsMax);
  const newNumber = (prefix: string) => `${prefix}${String((numberCount += 1)).padStart(9, "0")}`;

  function newRequest(changes: Partial<PrepareRequest> = {}): PrepareRequest {
    const attemptNumber = newNumber("A");
    return {
      attemptNumber,
      method: "native",
      amountMinor: 1999n,
      currency: "CNY",
      description: 'Court 3, one hour: 场地/1 & more = "all" 100%+',
      expiresAt: Date.now() + 30 * 60_000,
      noticeUrl: inbox.urlFor(attemptNumber),
      payerId: "payer-0001",
      payerIp: "203.0.113.7",
      returnUrl: "https://shop.example.test/back?order=1",
      ...changes,
    };
  }

  function newRefund(trade: ChannelTrade, changes: Partial<RefundRequest> = {}): RefundRequest {
    return {
      refundNumber: newNumber("R"),
      attemptNumber: trade.attemptNumber,
      channelTradeNumber: trade.channelTradeNumber ?? "",
      refundMinor: trade.amountMinor ?? 0n,
      paidMinor: trade.amountMinor ?? 0n,
      currency: "CNY",
      reason: "rain",
      noticeUrl: inbox.urlFor(trade.attemptNumber),
      ...changes,
    };
  }

  /** The next time this happens to this attempt, the world misbehaves. */
  function plan(
    kind: FaultKind,
    where: { operation: Operation; attemptNumber?: string; refundNumber?: string },
    params: FaultParams = {},
  ): { hasStruck(): boolean } {
    const added = control.faults.add({ kind, match: { ...which, ...where }, params });
    if ("refused" in added) throw new Error(added.refused);
    const { id } = added;
    return {
      hasStruck: () => control.faults.list().some((one) => one.id === id && one.struck > 0),
    };
  }

  return {
    traits,
    control,
    inbox,
    which,
    refundMs,
    capabilities: plug.capabilities,
    noticeReply: plug.noticeReply,
    account: { merchantId: account.merchantId, appId: account.appId },
    newRequest,
    newRefund,
    newNumber,
    plan,

    prepare: (request: PrepareRequest, signal = inTime()): Promise<ChannelAnswer<Prepared>> =>
      plug.prepare(account, request, signal),
    query: (attemptNumber: string, signal = inTime()): Promise<ChannelAnswer<ChannelTrade>> =>
      plug.query(account, attemptNumber, signal),
    close: (attemptNumber: string, signal = inTime()): Promise<ChannelAnswer<"closed">> =>
      plug.close(account, attemptNumber, signal),
    refund: (request: RefundRequest, signal = inTime()): Promise<ChannelAnswer<ChannelRefund>> =>
      plug.refund(account, request, signal),
    queryRefund: (
      refund: { refundNumber: string; attemptNumber: string },
      signal = inTime(),
    ): Promise<ChannelAnswer<ChannelRefund>> => plug.queryRefund(account, refund, signal),
    verify: (notice: RawNotice): Promise<NoticeVerdict> =>
      plug.verifyNotice(account, notice, inTime()),
    verifyAsAnother: (notice: RawNotice): Promise<NoticeVerdict> =>
      plug.verifyNotice(otherAccount, notice, inTime()),
    async rollKey(step: RollStep): Promise<void> {
      if (candidate.rollKey === undefined) throw new Error("the keys of this channel do not roll");
      account = await candidate.rollKey(step);
    },
    statement: (day: string) => plug.statement(account, day, inTime()),
    statementOfAnother: (day: string) => plug.statement(otherAccount, day, inTime()),

    /** The payer pays; what is told of it has arrived when this resolves. */
    async pay(attemptNumber: string, at?: number): Promise<string> {
      const command = at === undefined ? which : { ...which, at };
      const paid = control.pay(attemptNumber, command);
      if ("why" in paid) throw new Error(paid.why);
      await control.idle();
      return paid.result;
    },
    /** Money goes back, asked for and done at this time; its notice has arrived. */
    async refundAt(request: RefundRequest, at: number): Promise<void> {
      const { refundNumber } = request;
      plan("refund_processing", { operation: "refund", refundNumber });
      valueOf(await plug.refund(account, request, inTime()));
      const ended = control.setRefundState(refundNumber, "success", { ...which, at });
      if ("why" in ended) throw new Error(ended.why);
      await control.idle();
    },
    /** Time passes, and what was due in it has happened when this resolves. */
    async letPass(ms: number): Promise<void> {
      await control.advance(ms);
      await control.idle();
    },
    /**
     * Only the channel's clock moves on; the world's stays, so it must be less than five minutes.
     */
    letChannelPass: (ms: number) => void (aheadMs += ms),
    /** The world's own books: what really happened. */
    truth(attemptNumber: string): { trade: Trade; refunds: readonly Refund[] } | undefined {
      const found = control.trade(attemptNumber, which);
      return "trade" in found ? found : undefined;
    },
    async shut() {
      await inbox.close();
      await simulator.close();
    },
  };
}

/** The payer scans the code or follows the address, and does nothing more yet. */
export async function openAsPayer(prepared: Prepared): Promise<void> {
  const { instruction } = prepared;
  if (instruction.kind === "sdk_call") return;
  const page = await fetch(instruction.kind === "qr_code" ? instruction.content : instruction.url);
  if (!page.ok) throw new Error(`the payer saw ${page.status} ${await page.text()}`);
}

/** The value of an answer that must be ok. */
export function valueOf<Value>(answer: ChannelAnswer<Value>): Value {
  if (answer.kind === "ok") return answer.value;
  throw new Error(`expected ok, was ${JSON.stringify(answer)}`);
}

/** A trade that was prepared and that the payer has opened: it exists at every channel. */
export async function openedTrade(
  stand: Stand,
  changes: Partial<PrepareRequest> = {},
): Promise<PrepareRequest> {
  const request = stand.newRequest(changes);
  await openAsPayer(valueOf(await stand.prepare(request)));
  return request;
}

/** A trade that was paid, as the channel tells it. */
export async function paidTrade(
  stand: Stand,
  changes: Partial<PrepareRequest> = {},
): Promise<ChannelTrade> {
  const { attemptNumber } = await openedTrade(stand, changes);
  await stand.pay(attemptNumber);
  return valueOf(await stand.query(attemptNumber));
}

/** The configuration that the channel's own parser must take. */
export function valueOfConfig<Config>(
  parsed: ReturnType<ChannelPlug<Config>["parseConfig"]>,
): Config {
  if (parsed.kind === "config") return parsed.config;
  throw new Error(`${parsed.field}: ${parsed.allowed}`);
}
