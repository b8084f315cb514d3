import { expect, test } from "vitest";
import type { ChannelRefund, RefundRequest } from "../../../../modules/payments/plug.ts";
import { openedTrade, paidTrade, valueOf } from "./stand.ts";
import type { Stand, Traits } from "./stand.ts";

export function certifyRefunds(stand: () => Stand, traits: Traits): void {
  /** Sends the refund and lets the channel finish it. */
  async function refundToEnd(request: RefundRequest): Promise<ChannelRefund> {
    const answer = valueOf(await stand().refund(request));
    expect(answer.refundNumber).toBe(request.refundNumber);
    await stand().letPass(stand().refundMs);
    return valueOf(await stand().queryRefund(request));
  }
  const refundedMinor = (attemptNumber: string) =>
    stand()
      .truth(attemptNumber)
      ?.refunds.filter(({ state }) => state === "success" || state === "processing")
      .reduce((total, { amountMinor }) => total + amountMinor, 0);

  test("R-01 the whole amount goes back, and the trade still reads as paid", async () => {
    const trade = await paidTrade(stand());
    const refund = await refundToEnd(stand().newRefund(trade));
    expect(refund).toMatchObject({
      state: "refunded",
      refundMinor: 1999n,
      attemptNumber: trade.attemptNumber,
    });
    expect(refund.refundedAt).toBeGreaterThan(0);
    const after = valueOf(await stand().query(trade.attemptNumber));
    expect(after).toMatchObject({ state: "paid", amountMinor: 1999n, paidAt: trade.paidAt });
  });

  test("R-02 parts go back one after the other, each told by its own amount", async () => {
    const trade = await paidTrade(stand());
    for (const refundMinor of [1n, 998n, 1000n]) {
      const refund = await refundToEnd(stand().newRefund(trade, { refundMinor }));
      expect(refund).toMatchObject({ state: "refunded", refundMinor });
      expect(valueOf(await stand().query(trade.attemptNumber)).state).toBe("paid");
    }
    expect(refundedMinor(trade.attemptNumber)).toBe(1999);
  });

  test("R-03 more than was paid is refused", async () => {
    const trade = await paidTrade(stand());
    await refundToEnd(stand().newRefund(trade, { refundMinor: 1000n }));
    const answer = await stand().refund(stand().newRefund(trade, { refundMinor: 1000n }));
    expect(answer.kind).toBe("refused");
    expect(refundedMinor(trade.attemptNumber)).toBe(1000);
  });

  test("R-04 the same refund sent again moves no more money", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade, { refundMinor: 500n });
    await refundToEnd(request);
    valueOf(await stand().refund(request));
    expect(await refundToEnd(request)).toMatchObject({ state: "refunded", refundMinor: 500n });
    expect(refundedMinor(trade.attemptNumber)).toBe(500);
  });

  test("R-05 a refund's number cannot be used for another amount", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade, { refundMinor: 500n });
    await refundToEnd(request);
    const answer = await stand().refund({ ...request, refundMinor: 600n });
    expect(answer.kind).toBe("refused");
    expect(refundedMinor(trade.attemptNumber)).toBe(500);
  });

  test("R-06 a refund that was never sent is not found", async () => {
    const { attemptNumber } = await paidTrade(stand());
    const refundNumber = stand().newNumber("R");
    const answer = await stand().queryRefund({ refundNumber, attemptNumber });
    expect(answer).toMatchObject({ kind: "refused", reason: "not_found" });
  });

  test("R-07 what was not paid cannot go back", async () => {
    const { attemptNumber } = await openedTrade(stand());
    const trade = valueOf(await stand().query(attemptNumber));
    const number = trade.channelTradeNumber ?? "4200000000000000000000000000";
    const asked = { ...trade, amountMinor: 1999n, channelTradeNumber: number };
    const answer = await stand().refund(stand().newRefund(asked));
    expect(answer.kind).toBe("refused");
    expect(refundedMinor(attemptNumber)).toBe(0);
  });

  test("R-08 a refund that takes its time is processing until it is done", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade);
    stand().plan(
      "refund_processing",
      { operation: "refund", refundNumber: request.refundNumber },
      { ms: 60_000 },
    );
    valueOf(await stand().refund(request));
    expect(valueOf(await stand().queryRefund(request)).state).toBe("processing");
    await stand().letPass(60_000);
    expect(valueOf(await stand().queryRefund(request)).state).toBe("refunded");
  });

  for (const ending of traits.refundEndings) {
    test(`R-09 a refund may end as ${ending}, and then says so`, async () => {
      const trade = await paidTrade(stand());
      const request = stand().newRefund(trade);
      stand().plan(`refund_${ending}`, { operation: "refund", refundNumber: request.refundNumber });
      expect(await refundToEnd(request)).toMatchObject({ state: ending });
    });
  }
}
