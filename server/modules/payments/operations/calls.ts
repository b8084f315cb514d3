/**
 * Calls to channels under their limits. Whatever happens to a call, its caller gets an answer of
 * the channel or `unknown`: nothing is thrown but bugs, and nobody mistakes silence for a no.
 */
import type { Metrics } from "../../../kernel/metrics.ts";
import {
  createGuard,
  createGuards,
  GuardRejected,
  GuardTimeout,
} from "../../../kernel/resilience.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type {
  ChannelAccount,
  ChannelAnswer,
  ChannelPlug,
  ChannelRefund,
  ChannelTrade,
  Prepared,
  PrepareRequest,
  RefundRequest,
} from "../plug.ts";
import { noticePathOf } from "../domain/channel-accounts.ts";
import type { Refund } from "../domain/types.ts";
import type { OpenAccount } from "./channel-accounts.ts";

/** Channels answer within a second; their own documents advise to give up after some seconds. */
const callMsMax = 8 * secondMs;
/** What a slow channel may have open at once of one account, and as many again waiting. */
const callsAtOnceMax = 32;
/** A merchant's accounts that are in use within one process; the idlest is forgotten first. */
const guardedAccountsMax = 2_000;

export type ChannelCalls = ReturnType<typeof createChannelCalls>;

export function createChannelCalls(deps: {
  readonly clock: Clock;
  readonly publicUrl: string;
  readonly outsideCall: Metrics["outsideCall"] | undefined;
}) {
  const { clock, publicUrl, outsideCall } = deps;
  const openedPlugs = new Map<string, ChannelPlug>();
  const guards = createGuards({
    max: guardedAccountsMax,
    create: (key) => {
      const [channel = "", purpose] = key.split(" ");
      const limits = openedPlugs.get(channel)?.capabilities.perSecondMax;
      const perSecondMax = purpose === "prepare" ? limits?.prepare : limits?.other;
      return createGuard({
        name: channel,
        clock,
        timeoutMs: callMsMax,
        concurrencyMax: callsAtOnceMax,
        isFailure: isSilence,
        ...(perSecondMax === undefined ? {} : { perSecondMax }),
        ...(outsideCall === undefined
          ? {}
          : { observe: (result, seconds) => outsideCall(channel, result, seconds) }),
      });
    },
  });

  /** Payers do not wait behind the asking about others: preparing has a guard of its own. */
  async function call<Value>(
    { tenantId, opened }: Caller,
    purpose: "prepare" | "ask",
    work: (
      plug: ChannelPlug,
      account: ChannelAccount,
      signal: AbortSignal,
    ) => Promise<ChannelAnswer<Value>>,
  ): Promise<ChannelAnswer<Value>> {
    const { plug, account } = opened;
    openedPlugs.set(plug.code, plug);
    const guard = guards.of(`${plug.code} ${purpose} ${tenantId} ${account.id}`);
    try {
      return await guard.run((signal) => work(plug, account, signal));
    } catch (error) {
      if (error instanceof GuardRejected) {
        return { kind: "unknown", why: error.message, retryAfterMs: error.retryAfterMs };
      }
      if (error instanceof GuardTimeout) return { kind: "unknown", why: error.message };
      throw error;
    }
  }

  return {
    prepare: (caller: Caller, request: Omit<PrepareRequest, "noticeUrl">) =>
      call<Prepared>(caller, "prepare", (plug, account, signal) =>
        plug.prepare(account, { ...request, noticeUrl: noticeUrlOf(caller) }, signal),
      ),
    query: (caller: Caller, attemptNumber: string) =>
      call<ChannelTrade>(caller, "ask", (plug, account, signal) =>
        plug.query(account, attemptNumber, signal),
      ),
    close: (caller: Caller, attemptNumber: string) =>
      call<"closed">(caller, "ask", (plug, account, signal) =>
        plug.close(account, attemptNumber, signal),
      ),
    refund: (caller: Caller, request: Omit<RefundRequest, "noticeUrl">) =>
      call<ChannelRefund>(caller, "ask", (plug, account, signal) =>
        plug.refund(account, { ...request, noticeUrl: noticeUrlOf(caller) }, signal),
      ),
    queryRefund: (caller: Caller, refund: Pick<Refund, "number">, attemptNumber: string) =>
      call<ChannelRefund>(caller, "ask", (plug, account, signal) =>
        plug.queryRefund(account, { refundNumber: refund.number, attemptNumber }, signal),
      ),
  };

  function noticeUrlOf({ tenantId, opened }: Caller): string {
    return publicUrl + noticePathOf(tenantId, opened.identity);
  }
}

/** On whose behalf a channel is called. */
export interface Caller {
  readonly tenantId: string;
  readonly opened: OpenAccount;
}

/** A channel that only ever says nothing is left alone for a while. */
function isSilence(answer: unknown): boolean {
  return (
    typeof answer === "object" && answer !== null && "kind" in answer && answer.kind === "unknown"
  );
}
