import { expect, test } from "vitest";
import { openAsPayer, openedTrade, paidTrade, valueOf } from "./stand.ts";
import type { Stand, Traits } from "./stand.ts";

export function certifyTrades(stand: () => Stand, traits: Traits): void {
  test("T-01 what was prepared is not paid", async () => {
    const request = stand().newRequest();
    const { usableUntil } = valueOf(await stand().prepare(request));
    expect(usableUntil).toBeLessThanOrEqual(request.expiresAt);
    const answer = await stand().query(request.attemptNumber);
    // A channel may deny a trade that no payer has opened.
    if (answer.kind === "refused") expect(answer.reason).toBe("not_found");
    else expect(answer).toMatchObject({ kind: "ok", value: { state: "unpaid" } });
  });

  test("T-02 what was opened is unpaid", async () => {
    const { attemptNumber } = await openedTrade(stand());
    const answer = await stand().query(attemptNumber);
    expect(answer).toMatchObject({ kind: "ok", value: { attemptNumber, state: "unpaid" } });
  });

  test("T-03 what was paid is told with number, amount and time", async () => {
    const trade = await paidTrade(stand(), { amountMinor: 123_456_789n });
    const truth = stand().truth(trade.attemptNumber)?.trade;
    expect(trade).toMatchObject({
      state: "paid",
      amountMinor: 123_456_789n,
      channelTradeNumber: truth?.transactionId,
      payerId: truth?.payerId,
    });
    // Channels tell whole seconds.
    expect(trade.paidAt).toBe(Math.floor((truth?.paidAt ?? 0) / 1_000) * 1_000);
  });

  test("T-04 every method leads the payer to a payment", async () => {
    for (const method of stand().capabilities.methods) {
      const request = stand().newRequest({ method, amountMinor: 1n });
      const prepared = valueOf(await stand().prepare(request));
      if (traits.methodsNotPlayed.includes(method)) continue;
      await openAsPayer(prepared);
      expect(await stand().pay(request.attemptNumber)).toBe("paid");
      const trade = valueOf(await stand().query(request.attemptNumber));
      expect(trade).toMatchObject({ state: "paid", amountMinor: 1n });
    }
  });

  test("T-05 a method that is not in the table is refused", async () => {
    const methods = ["jsapi", "native", "h5", "app", "page"] as const;
    for (const method of methods) {
      if (stand().capabilities.methods.includes(method)) continue;
      const answer = await stand().prepare(stand().newRequest({ method }));
      expect(answer).toMatchObject({ kind: "refused", reason: "bad_request" });
    }
  });

  test("T-06 the same attempt prepared twice is one trade", async () => {
    const request = stand().newRequest();
    valueOf(await stand().prepare(request));
    const again = valueOf(await stand().prepare(request));
    await openAsPayer(again);
    expect(await stand().pay(request.attemptNumber)).toBe("paid");
    expect(stand().control.trades({ attemptNumber: request.attemptNumber })).toHaveLength(1);
  });

  test("T-07 a number cannot be used with another amount", async () => {
    const request = await openedTrade(stand());
    const answer = await stand().prepare({ ...request, amountMinor: 1n });
    expect(answer).toMatchObject({ kind: "refused", reason: "number_reused" });
    expect(stand().truth(request.attemptNumber)?.trade.totalMinor).toBe(1999);
  });

  test("T-08 a number that was never used is not found", async () => {
    const answer = await stand().query(stand().newNumber("A"));
    expect(answer).toMatchObject({ kind: "refused", reason: "not_found" });
  });

  test("T-09 an unpaid trade is closed, and late money is not taken", async () => {
    const { attemptNumber } = await openedTrade(stand());
    expect(await stand().close(attemptNumber)).toEqual({ kind: "ok", value: "closed" });
    expect(await stand().pay(attemptNumber)).toBe("closed");
    const trade = valueOf(await stand().query(attemptNumber));
    expect(trade.state).toBe("closed");
  });

  test("T-10 closing again, or a number that was never used, is no fault", async () => {
    const { attemptNumber } = await openedTrade(stand());
    for (const number of [attemptNumber, attemptNumber, stand().newNumber("A")]) {
      expect(await stand().close(number)).toEqual({ kind: "ok", value: "closed" });
    }
  });

  test("T-11 a paid trade cannot be closed", async () => {
    const { attemptNumber } = await paidTrade(stand());
    const answer = await stand().close(attemptNumber);
    expect(answer).toMatchObject({ kind: "refused", reason: "already_paid" });
    expect(valueOf(await stand().query(attemptNumber)).state).toBe("paid");
  });

  test("T-12 a trade whose time ran out takes no money", async () => {
    const request = await openedTrade(stand());
    stand().control.expire(request.attemptNumber, stand().which);
    expect(await stand().pay(request.attemptNumber)).toBe("closed");
    expect(valueOf(await stand().query(request.attemptNumber)).state).toBe("closed");
    const again = await stand().prepare(request);
    expect(again).toMatchObject({ kind: "refused", reason: "already_closed" });
  });

  test("T-13 a paid trade cannot be prepared again", async () => {
    const request = await openedTrade(stand());
    await stand().pay(request.attemptNumber);
    const again = await stand().prepare(request);
    expect(again).toMatchObject({ kind: "refused", reason: "already_paid" });
  });
}
