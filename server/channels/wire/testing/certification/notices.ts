import { expect, test } from "vitest";
import { forgeries } from "../../../../../simulator/index.ts";
import type { Forgery } from "../../../../../simulator/index.ts";
import type { RawNotice, VerifiedNotice } from "../../../../modules/payments/plug.ts";
import { openedTrade, paidTrade, valueOf } from "./stand.ts";
import type { Stand, Traits } from "./stand.ts";

export function certifyNotices(stand: () => Stand, traits: Traits): void {
  /** The notice of a payment, and the trade that it tells of. */
  async function paymentNotice() {
    const trade = await paidTrade(stand());
    const [notice] = stand().inbox.of(trade.attemptNumber);
    if (notice === undefined) throw new Error("no notice came");
    return { trade, notice };
  }
  async function verified(notice: RawNotice): Promise<VerifiedNotice> {
    const verdict = await stand().verify(notice);
    if (verdict.kind !== "verified") throw new Error(JSON.stringify(verdict));
    return verdict.notice;
  }
  /** Pays with a forged notice ahead of the true one. */
  async function forgedAndTrue(forgery: Forgery) {
    const { attemptNumber } = await openedTrade(stand());
    stand().plan("notice_forged", { operation: "payment_notice", attemptNumber }, { forgery });
    await stand().pay(attemptNumber);
    const [forged, original] = stand().inbox.of(attemptNumber);
    if (forged === undefined || original === undefined) throw new Error("a notice is missing");
    return { attemptNumber, forged, original };
  }

  test("N-01 a payment's notice tells what a query tells", async () => {
    const { trade, notice } = await paymentNotice();
    const told = await verified(notice);
    expect(told.noticeId).not.toBe("");
    expect(told).toMatchObject({ kind: "payment", trade });
    expect(told).toMatchObject({ trade: stand().account });
  });

  test("N-02 what is taken does not come again, what is refused does", async () => {
    const taken = await paidTrade(stand());
    await stand().letPass(30 * 60_000);
    expect(stand().inbox.of(taken.attemptNumber)).toHaveLength(1);

    stand().inbox.answer(stand().noticeReply("refused"));
    const refused = await paidTrade(stand());
    stand().inbox.answer(stand().noticeReply("taken"));
    await stand().letPass(30 * 60_000);
    const deliveries = stand().inbox.of(refused.attemptNumber);
    expect(deliveries).toHaveLength(2);
    const ids = await Promise.all(deliveries.map(async (one) => (await verified(one)).noticeId));
    expect(new Set(ids).size).toBe(1);
  });

  test("N-03 duplicates tell the same under the same id", async () => {
    const { attemptNumber } = await openedTrade(stand());
    const operation = "payment_notice";
    stand().plan("notice_duplicate", { operation, attemptNumber }, { count: 3 });
    await stand().pay(attemptNumber);
    const told = await Promise.all(stand().inbox.of(attemptNumber).map(verified));
    expect(told).toHaveLength(4);
    for (const one of told) expect(one).toEqual(told[0]);
  });

  test("N-04 a refund's notice names the refund", async () => {
    const trade = await paidTrade(stand());
    const request = stand().newRefund(trade, { refundMinor: 700n });
    await stand().refund(request);
    await stand().letPass(stand().refundMs);
    const told = await verified(stand().inbox.of(trade.attemptNumber)[1] ?? noNotice);
    expect(told).toMatchObject({
      kind: "refund",
      refund: {
        refundNumber: request.refundNumber,
        attemptNumber: trade.attemptNumber,
        state: "refunded",
        merchantId: stand().account.merchantId,
        ...(traits.refundNoticeTellsAmount ? { refundMinor: 700n } : {}),
      },
    });
  });

  test("N-05 two refunds of one trade have notices of their own", async () => {
    const trade = await paidTrade(stand());
    const requests = [1_000n, 999n].map((refundMinor) => stand().newRefund(trade, { refundMinor }));
    for (const request of requests) {
      await stand().refund(request);
      await stand().letPass(stand().refundMs);
    }
    const told = await Promise.all(stand().inbox.of(trade.attemptNumber).slice(1).map(verified));
    expect(told.map((one) => one.kind === "refund" && one.refund.refundNumber)).toEqual(
      requests.map(({ refundNumber }) => refundNumber),
    );
    expect(told[0]?.noticeId).not.toBe(told[1]?.noticeId);
  });

  for (const forgery of forgeries.filter((one) => !one.startsWith("wrong_"))) {
    test(`N-06 a forged notice is not believed: ${forgery} [PAY-13]`, async () => {
      const { attemptNumber, forged, original } = await forgedAndTrue(forgery);
      expect(["forged", "unreadable"]).toContain((await stand().verify(forged)).kind);
      expect(await verified(original)).toMatchObject({ trade: { attemptNumber } });
    });
  }

  const wrong = [
    ["wrong_amount", { amountMinor: 1n }],
    ["wrong_currency", { currency: "USD" }],
    ["wrong_merchant", {}],
    ["wrong_app", {}],
  ] as const;
  for (const [forgery, told] of wrong) {
    test(`N-07 a rightly signed notice is told as it stands: ${forgery}`, async () => {
      const { attemptNumber, forged } = await forgedAndTrue(forgery);
      const notice = await verified(forged);
      if (notice.kind !== "payment") throw new Error(notice.kind);
      expect(notice.trade).toMatchObject({ attemptNumber, ...told });
      const { merchantId, appId } = stand().account;
      const differs = [notice.trade.merchantId !== merchantId, notice.trade.appId !== appId];
      expect(differs).toEqual([forgery === "wrong_merchant", forgery === "wrong_app"]);
    });
  }

  test("N-08 no bit of a notice can be changed", async () => {
    const { notice } = await paymentNotice();
    // Eleven places and the last byte: a step that no field's length divides.
    const step = Math.floor(notice.body.length / 11);
    for (let at = 0; at < notice.body.length; at += step) {
      const body = Buffer.from(notice.body);
      body[at] = (body[at] ?? 0) ^ 1;
      expect((await stand().verify({ ...notice, body })).kind).toBe("forged");
    }
    const cut = { ...notice, body: notice.body.subarray(0, -1) };
    expect((await stand().verify(cut)).kind).toBe("forged");
    expect((await stand().verify({ ...notice, body: Buffer.alloc(0) })).kind).toBe("forged");
  });

  test("N-09 another merchant's notice is not believed", async () => {
    const { notice } = await paymentNotice();
    expect((await stand().verifyAsAnother(notice)).kind).not.toBe("verified");
  });

  test(`N-10 a notice of yesterday is ${traits.staleNotices}`, async () => {
    const { notice } = await paymentNotice();
    const dayMs = 24 * 60 * 60_000;
    const late = { ...notice, receivedAt: notice.receivedAt + dayMs };
    const expected = traits.staleNotices === "refused" ? "forged" : "verified";
    expect((await stand().verify(late)).kind).toBe(expected);
  });

  test("N-11 notices that overtake each other tell each its own", async () => {
    const { attemptNumber } = await openedTrade(stand());
    stand().plan("notice_reordered", { operation: "payment_notice", attemptNumber });
    await stand().pay(attemptNumber);
    const trade = valueOf(await stand().query(attemptNumber));
    await stand().refund(stand().newRefund(trade));
    await stand().letPass(stand().refundMs);
    const told = await Promise.all(stand().inbox.of(attemptNumber).map(verified));
    expect(told.map(({ kind }) => kind)).toEqual(["refund", "payment"]);
    expect(told[1]).toMatchObject({ trade: { attemptNumber, state: "paid" } });
  });

  test("N-12 a lost notice is made up for by a query, and comes again", async () => {
    const { attemptNumber } = await openedTrade(stand());
    stand().plan("notice_lost", { operation: "payment_notice", attemptNumber }, { count: 1 });
    await stand().pay(attemptNumber);
    expect(stand().inbox.of(attemptNumber)).toEqual([]);
    expect(valueOf(await stand().query(attemptNumber)).state).toBe("paid");
    await stand().letPass(30 * 60_000);
    const [notice] = stand().inbox.of(attemptNumber);
    expect(await verified(notice ?? noNotice)).toMatchObject({ trade: { attemptNumber } });
  });

  test("N-13 a late notice is as good as one in time", async () => {
    const { attemptNumber } = await openedTrade(stand());
    const operation = "payment_notice";
    stand().plan("notice_late", { operation, attemptNumber }, { ms: 5 * 60_000 });
    await stand().pay(attemptNumber);
    expect(stand().inbox.of(attemptNumber)).toEqual([]);
    await stand().letPass(5 * 60_000);
    const [notice] = stand().inbox.of(attemptNumber);
    expect(await verified(notice ?? noNotice)).toMatchObject({ trade: { attemptNumber } });
  });

  test("N-14 a notice may come before the reply of the call that led to it", async () => {
    const request = stand().newRequest();
    const { attemptNumber } = request;
    stand().plan("notice_before_reply", { operation: "prepay", attemptNumber });
    const prepared = await stand().prepare(request);
    expect(prepared.kind).toBe("ok");
    const [notice] = stand().inbox.of(attemptNumber);
    expect(await verified(notice ?? noNotice)).toMatchObject({ trade: { attemptNumber } });

    const trade = valueOf(await stand().query(attemptNumber));
    const refund = stand().newRefund(trade);
    const { refundNumber } = refund;
    stand().plan("notice_before_reply", { operation: "refund", refundNumber });
    valueOf(await stand().refund(refund));
    const [, ofRefund] = stand().inbox.of(attemptNumber);
    expect(await verified(ofRefund ?? noNotice)).toMatchObject({ refund: { refundNumber } });
    expect(valueOf(await stand().queryRefund(refund)).state).toBe("refunded");
  });

  const rollsAlone = traits.keysRoll === "over_the_wire";
  test.runIf(rollsAlone)("N-15 the channel's keys change, and nothing is lost", async () => {
    const before = await paymentNotice();
    await stand().control.rollCertificate();
    // A channel need not ask for keys more often than once a minute.
    stand().letChannelPass(60_000);
    const { trade, notice } = await paymentNotice();
    expect(await verified(notice)).toMatchObject({ trade });
    expect(await verified(before.notice)).toMatchObject({ trade: before.trade });
  });

  const isRolled = traits.keysRoll === "by_configuration";
  test.runIf(isRolled)("N-16 a configured key is rolled over, and the old one dies", async () => {
    const before = await paymentNotice();
    await stand().rollKey("announce");
    const announced = await paymentNotice();
    await stand().rollKey("use");
    const after = await paymentNotice();
    for (const { trade, notice } of [before, announced, after]) {
      expect(await verified(notice)).toMatchObject({ trade });
    }
    await stand().rollKey("retire");
    expect((await stand().verify(before.notice)).kind).toBe("forged");
    expect((await stand().verify(announced.notice)).kind).toBe("forged");
    expect(await verified(after.notice)).toMatchObject({ trade: after.trade });
    const { trade, notice } = await paymentNotice();
    expect(await verified(notice)).toMatchObject({ trade });
  });
}

/** Stands for a notice that did not come: no channel verifies it. */
const noNotice: RawNotice = { headers: {}, body: Buffer.alloc(0), receivedAt: 0 };
