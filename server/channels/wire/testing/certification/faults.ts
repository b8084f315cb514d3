import { expect, test, vi } from "vitest";
import type { FaultKind, FaultParams, Operation } from "../../../../../simulator/index.ts";
import type { ChannelAnswer } from "../../../../modules/payments/plug.ts";
import { openedTrade, paidTrade, valueOf } from "./stand.ts";
import type { Stand } from "./stand.ts";

/** A call that is about to meet a fault, and what is true when it has met it. */
interface Victim {
  readonly operation: Operation;
  readonly where: { readonly attemptNumber?: string; readonly refundNumber?: string };
  readonly call: (signal?: AbortSignal) => Promise<ChannelAnswer<unknown>>;
  /** Whether the world has done it. */
  readonly isDone: () => boolean;
}

export function certifyFaults(stand: () => Stand): void {
  /** Each kind of call, ready to be made once. */
  const victims: readonly (readonly [string, () => Promise<Victim>])[] = [
    ["prepare", preparing],
    ["query", querying],
    ["close", closing],
    ["refund", refunding],
    ["query of a refund", queryingRefund],
  ];

  async function preparing(): Promise<Victim> {
    const request = stand().newRequest();
    const { attemptNumber } = request;
    return {
      operation: "prepay",
      where: { attemptNumber },
      call: (signal) => stand().prepare(request, signal),
      isDone: () => stand().truth(attemptNumber) !== undefined,
    };
  }
  async function querying(): Promise<Victim> {
    const { attemptNumber } = await paidTrade(stand());
    return {
      operation: "query",
      where: { attemptNumber },
      call: (signal) => stand().query(attemptNumber, signal),
      isDone: () => true,
    };
  }
  async function closing(): Promise<Victim> {
    const { attemptNumber } = await openedTrade(stand());
    return {
      operation: "close",
      where: { attemptNumber },
      call: (signal) => stand().close(attemptNumber, signal),
      isDone: () => stand().truth(attemptNumber)?.trade.state === "closed",
    };
  }
  async function refunding(): Promise<Victim> {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade);
    return {
      operation: "refund",
      where: { refundNumber: request.refundNumber },
      call: (signal) => stand().refund(request, signal),
      isDone: () => stand().truth(trade.attemptNumber)?.refunds.length === 1,
    };
  }
  async function queryingRefund(): Promise<Victim> {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade);
    valueOf(await stand().refund(request));
    return {
      operation: "query_refund",
      where: { refundNumber: request.refundNumber },
      call: (signal) => stand().queryRefund(request, signal),
      isDone: () => true,
    };
  }

  const faults: readonly (readonly [string, FaultKind, FaultParams, "done" | "not done"])[] = [
    ["H-01 a request that is lost", "drop_request", {}, "not done"],
    ["H-02 a reply that is lost", "drop_reply", {}, "done"],
    ["H-03 a failure before the work", "error_before", { status: 500 }, "not done"],
    ["H-04 a failure after the work", "error_after", { status: 502 }, "done"],
    ["H-05 a limit that is reached", "rate_limit", {}, "not done"],
    ["H-06 a reply that anybody could have written", "reply_bad_signature", {}, "done"],
  ];
  for (const [name, kind, params, expected] of faults) {
    for (const [victimName, ready] of victims) {
      test(`${name} leaves a ${victimName} open, and the next try settles it`, async () => {
        const victim = await ready();
        stand().plan(kind, { operation: victim.operation, ...victim.where }, params);
        expect(await victim.call()).toMatchObject({ kind: "unknown" });
        if (expected === "done") expect(victim.isDone()).toBe(true);
        expect(await victim.call()).toMatchObject({ kind: "ok" });
        expect(victim.isDone()).toBe(true);
      });
    }
  }

  test("H-07 a lost prepare is not found, and can be prepared under the same number", async () => {
    const request = stand().newRequest();
    const { attemptNumber } = request;
    stand().plan("drop_request", { operation: "prepay", attemptNumber });
    expect((await stand().prepare(request)).kind).toBe("unknown");
    const answer = await stand().query(attemptNumber);
    expect(answer).toMatchObject({ kind: "refused", reason: "not_found" });
    valueOf(await stand().prepare(request));
  });

  test("H-08 a lost refund is not found, and is sent again under the same number", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade);
    const { refundNumber } = request;
    stand().plan("drop_request", { operation: "refund", refundNumber });
    expect((await stand().refund(request)).kind).toBe("unknown");
    const answer = await stand().queryRefund(request);
    expect(answer).toMatchObject({ kind: "refused", reason: "not_found" });
    valueOf(await stand().refund(request));
    expect(stand().truth(trade.attemptNumber)?.refunds).toHaveLength(1);
  });

  test("H-09 a refund whose reply is lost is told by a query, and moved once", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade, { refundMinor: 600n });
    const { refundNumber } = request;
    stand().plan("drop_reply", { operation: "refund", refundNumber });
    expect((await stand().refund(request)).kind).toBe("unknown");
    await stand().letPass(stand().refundMs);
    const refund = valueOf(await stand().queryRefund(request));
    expect(refund).toMatchObject({ state: "refunded", refundMinor: 600n });
    valueOf(await stand().refund(request));
    const { refunds } = stand().truth(trade.attemptNumber) ?? {};
    expect(refunds?.map(({ amountMinor }) => amountMinor)).toEqual([600]);
  });

  for (const [victimName, ready] of victims) {
    test(`H-10 a ${victimName} ends when the caller's time is over`, async () => {
      const victim = await ready();
      const { operation, where } = victim;
      const delay = stand().plan("delay", { operation, ...where }, { ms: 60_000 });
      // The world would answer a minute later: only the caller's signal ends the call before.
      const caller = new AbortController();
      const answer = victim.call(caller.signal);
      await vi.waitUntil(delay.hasStruck, { timeout: 20_000, interval: 5 });
      caller.abort();
      expect(await answer).toMatchObject({ kind: "unknown" });
      await stand().letPass(60_000);
      expect(await victim.call()).toMatchObject({ kind: "ok" });
    });

    test(`H-11 a ${victimName} is not sent when the caller's time was over before`, async () => {
      const victim = await ready();
      const wasDone = victim.isDone();
      expect(await victim.call(AbortSignal.abort())).toMatchObject({ kind: "unknown" });
      expect(victim.isDone()).toBe(wasDone);
    });

    test(`H-12 a ${victimName} waits for a slow reply within its time`, async () => {
      const victim = await ready();
      const { operation, where } = victim;
      stand().plan("delay", { operation, ...where }, { ms: 30 });
      expect(await victim.call()).toMatchObject({ kind: "ok" });
    });
  }

  test("H-13 a limit says when to come back, or leaves it to the caller", async () => {
    const { attemptNumber } = await openedTrade(stand());
    stand().plan("rate_limit", { operation: "query", attemptNumber });
    const answer = await stand().query(attemptNumber);
    if (answer.kind !== "unknown") throw new Error(answer.kind);
    expect(answer.retryAfterMs ?? 1).toBeGreaterThan(0);
  });

  test("H-14 what an answer tells can be kept, whatever the channel writes", async () => {
    const { attemptNumber } = await openedTrade(stand());
    stand().plan("error_before", { operation: "query", attemptNumber }, { code: "A\0B" });
    const answer = await stand().query(attemptNumber);
    expect(answer.kind).not.toBe("ok");
    expect(Object.values(answer).join("")).not.toContain("\0");
    valueOf(await stand().query(attemptNumber));
  });
}
