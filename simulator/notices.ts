/**
 * Sends notices to merchants and repeats them on the channel's schedule until they are
 * acknowledged. How a notice is written and what counts as an acknowledgement is the channel's.
 */
import type { Clock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { merchantKey } from "./world.ts";
import type {
  ChannelCode,
  Delivery,
  Forgery,
  Merchant,
  Notice,
  Refund,
  Trade,
  World,
} from "./world.ts";

export interface NoticeMessage {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A channel's way of telling. */
export interface NoticeWriter {
  newId(now: number): string;
  paymentContent(trade: Trade): string;
  refundContent(trade: Trade, refund: Refund): string;
  /** The same content with one field wrong; it will carry a right signature. */
  tamper(content: string, forgery: Forgery): string;
  write(notice: Notice, merchant: Merchant, now: number): NoticeMessage;
  isAcknowledged(status: number, body: string): boolean;
  /** The waits between one delivery and the next. */
  readonly retryAfterMs: readonly number[];
  readonly replyWithinMs: number;
}

export interface NoticeOffice {
  /** Resolves when the first delivery has ended. `atOnce` leaves out delays planted by faults. */
  announce(trade: Trade, refund: Refund | undefined, atOnce?: boolean): Promise<void>;
  /** Delivers a pending or finished notice once more, outside its schedule. */
  repeat(noticeId: string): Promise<boolean>;
  /** Takes up the pending notices of a restored world: the current wait starts anew. */
  resume(): void;
}

/** More at once would only queue in the sockets of a platform under load. */
const inFlightMax = 64;
/** Kept of each notice: the whole schedule with some duplicates. */
const deliveriesMax = 40;
const replyCharactersMax = 300;

export function createNoticeOffice(parts: {
  readonly world: World;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly writers: Readonly<Record<ChannelCode, NoticeWriter>>;
}): NoticeOffice {
  const { world, clock, faults, writers } = parts;
  const inFlight = createGate(inFlightMax);
  /** Notices held back by the fault `notice_reordered`, by merchant. */
  const heldBack = new Map<string, Set<() => void>>();

  async function announce(trade: Trade, refund: Refund | undefined, atOnce = false) {
    const url = refund?.noticeUrl ?? trade.noticeUrl;
    if (url === "") return;
    const strikes = faults.strikes({
      channel: trade.channel,
      operation: refund === undefined ? "payment_notice" : "refund_notice",
      merchantId: trade.merchantId,
      attemptNumber: trade.number,
      refundNumber: refund?.number ?? "",
    });
    const notice = compose(trade, refund, url, strikes.get("notice_lost"));
    const forgery = strikes.get("notice_forged")?.forgery;
    const forged = forgery === undefined ? undefined : forge(notice, forgery);
    for (const each of forged === undefined ? [notice] : [forged, notice]) world.notices.put(each);

    const copyCount = 1 + countOf(strikes.get("notice_duplicate"));
    const first = async () => {
      if (forged !== undefined) await deliverRound(forged.id, 1);
      await deliverRound(notice.id, copyCount);
    };
    const late = strikes.get("notice_late");
    const reordered = strikes.get("notice_reordered");
    if (reordered !== undefined && !atOnce)
      return holdBack(trade, reordered.ms ?? reorderedMsUsual, first);
    await scheduled(atOnce ? 0 : (late?.ms ?? (late === undefined ? 0 : lateMsUsual)), first);
  }

  function compose(
    trade: Trade,
    refund: Refund | undefined,
    url: string,
    lost: { readonly count?: number } | undefined,
  ): Notice {
    const writer = writers[trade.channel];
    const content =
      refund === undefined ? writer.paymentContent(trade) : writer.refundContent(trade, refund);
    return {
      id: writer.newId(clock.now()),
      channel: trade.channel,
      merchantId: trade.merchantId,
      event: refund === undefined ? "payment" : "refund",
      tradeNumber: trade.number,
      refundNumber: refund?.number ?? "",
      url,
      content,
      forgery: null,
      state: "pending",
      lostMax: countOf(lost),
      roundCount: 0,
      deliveries: [],
      createdAt: clock.now(),
    };
  }

  function forge(notice: Notice, forgery: Forgery): Notice {
    const writer = writers[notice.channel];
    const content = writer.tamper(notice.content, forgery);
    return { ...notice, id: writer.newId(clock.now()), content, forgery, lostMax: 0 };
  }

  function scheduled(waitMs: number, task: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      clock.after(waitMs, () => task().finally(resolve));
    });
  }

  function holdBack(trade: Trade, atMostMs: number, task: () => Promise<void>): Promise<void> {
    const key = merchantKey(trade.channel, trade.merchantId);
    const held = heldBack.get(key) ?? new Set();
    heldBack.set(key, held);
    return new Promise((resolve) => {
      const run = () => {
        held.delete(release);
        return task().finally(resolve);
      };
      const timer = clock.after(atMostMs, run);
      const release = () => {
        timer.cancel();
        held.delete(release);
        clock.after(0, run);
      };
      held.add(release);
    });
  }

  async function deliverRound(noticeId: string, copyCount: number): Promise<void> {
    const copies = Array.from({ length: copyCount }, () => deliver(noticeId));
    await Promise.all(copies);
    const notice = world.notices.get(noticeId);
    if (notice === undefined) return;
    for (const release of heldBack.get(merchantKey(notice.channel, notice.merchantId)) ?? [])
      release();
    const after = { ...notice, roundCount: notice.roundCount + 1 };
    const waitMs = writers[notice.channel].retryAfterMs[notice.roundCount];
    const isOver = waitMs === undefined || notice.forgery !== null;
    const goesOn = notice.state === "pending" && !isOver;
    const state = notice.state === "pending" && isOver ? "given_up" : notice.state;
    world.notices.put({ ...after, state });
    if (goesOn) clock.after(waitMs, () => deliverRound(noticeId, 1));
  }

  async function deliver(noticeId: string): Promise<void> {
    const notice = world.notices.get(noticeId);
    if (notice === undefined || notice.state !== "pending") return;
    const delivery =
      notice.deliveries.length < notice.lostMax ? lostDelivery(clock.now()) : await send(notice);
    record(noticeId, delivery);
  }

  /** Reads the notice again: copies of it may have been delivered in the meantime. */
  function record(noticeId: string, delivery: Delivery): void {
    const latest = world.notices.get(noticeId);
    if (latest === undefined) return;
    world.notices.put({
      ...latest,
      state: delivery.acknowledged ? "acknowledged" : latest.state,
      deliveries: [...latest.deliveries, delivery].slice(-deliveriesMax),
    });
  }

  async function send(notice: Notice): Promise<Delivery> {
    const writer = writers[notice.channel];
    const merchant = world.merchants.get(merchantKey(notice.channel, notice.merchantId));
    if (merchant === undefined) return lostDelivery(clock.now());
    await inFlight.enter();
    const at = clock.now();
    const outcome = await post(notice.url, writer.write(notice, merchant, at), writer);
    inFlight.leave();
    return { at, tookMs: clock.now() - at, ...outcome };
  }

  return {
    announce,
    async repeat(noticeId) {
      const notice = world.notices.get(noticeId);
      if (notice === undefined) return false;
      record(noticeId, await send(notice));
      return true;
    },
    resume() {
      for (const notice of world.notices.values()) {
        if (notice.state !== "pending") continue;
        const waits = writers[notice.channel].retryAfterMs;
        const waitMs = notice.roundCount === 0 ? 0 : (waits[notice.roundCount - 1] ?? 0);
        clock.after(waitMs, () => deliverRound(notice.id, 1));
      }
    },
  };
}

// What a rule without `ms` means: long enough to be noticed, short enough to be waited for.
const lateMsUsual = 30_000;
const reorderedMsUsual = 30_000;

const countOf = (params: { readonly count?: number } | undefined): number =>
  params === undefined ? 0 : (params.count ?? 1);

function lostDelivery(at: number): Delivery {
  const error = "lost on the way, planted by a fault";
  return { at, tookMs: 0, status: null, reply: "", error, acknowledged: false };
}

async function post(
  url: string,
  message: NoticeMessage,
  writer: NoticeWriter,
): Promise<Omit<Delivery, "at" | "tookMs">> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: message.headers,
      body: message.body,
      redirect: "manual", // Neither channel follows one.
      signal: AbortSignal.timeout(writer.replyWithinMs),
    });
    const body = await response.text();
    const acknowledged = writer.isAcknowledged(response.status, body);
    const reply = body.slice(0, replyCharactersMax);
    return { status: response.status, reply, error: "", acknowledged };
  } catch (error) {
    return { status: null, reply: "", error: reasonOf(error), acknowledged: false };
  }
}

/** fetch wraps the system's reason, such as ECONNREFUSED, in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return `${error.name}: ${error.message}${code}`;
}

/** Lets at most so many in at a time; the others wait in line. */
function createGate(insideMax: number): { enter(): Promise<void>; leave(): void } {
  const line: (() => void)[] = [];
  let inside = 0;
  return {
    enter() {
      if (inside < insideMax) {
        inside += 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => line.push(resolve));
    },
    leave() {
      const next = line.shift();
      if (next === undefined) inside -= 1;
      else next();
    },
  };
}
