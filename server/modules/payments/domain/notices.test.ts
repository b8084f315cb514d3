import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { assert } from "../../../kernel/assert.ts";
import { hourMs } from "../../../kernel/time.ts";
import type { ChannelRefund, ChannelTrade, NoticeVerdict } from "../plug.ts";
import { capturedAccount } from "./ledger-accounts.ts";
import type { NoticeEvent, StoredNotice, TakeNotice } from "./notices.ts";
import { decideTakeNotice, noticeKeyOf } from "./notices.ts";
import type { AttemptAt, Books } from "./testing/books.ts";
import {
  account,
  attemptAt,
  attemptOf,
  balanceOf,
  channelRefundOf,
  eventTypes,
  idOf,
  nextId,
  now,
  opened,
  order,
  paid,
  paymentOf,
  refundAt,
  refundOf,
  step,
  tellTrade,
  tradeOf,
} from "./testing/books.ts";
import type { AccountIdentity } from "./types.ts";

const body = Buffer.from("told");
const other: AccountIdentity = { ...account, id: idOf<"ChannelAccount">(3) };

/** Notices as the store keeps them, beside the books of payments. */
function emptyShelf() {
  return { kept: [] as StoredNotice[], events: [] as NoticeEvent[] };
}

type Shelf = ReturnType<typeof emptyShelf>;

interface Coming {
  readonly judged: NoticeVerdict;
  readonly from?: AccountIdentity;
  readonly at?: number;
}

/** One transaction over notices that came in together. What changed unnoted fails it. */
function takeAll(books: Books, shelf: Shelf, coming: readonly Coming[]) {
  const stored = new Map<string, StoredNotice>();
  for (const notice of shelf.kept) {
    const { accountId, channelNoticeId } = notice;
    if (channelNoticeId === undefined) continue;
    stored.set(noticeKeyOf(accountId, channelNoticeId), { ...notice });
  }
  return step(books, { reference: order }, (payments, ledger) => {
    const written = {
      fresh: new Set<StoredNotice>(),
      repeated: new Set<StoredNotice>(),
      events: shelf.events,
    };
    const world = { payments, ledger, notices: new Map(stored), written };
    const outcomes = coming.map(({ judged, from = account, at = now }) => {
      const raw = { headers: { "x-from": "channel" }, body, receivedAt: at };
      const command: TakeNotice = {
        id: nextId(books),
        account: from,
        raw,
        judged,
        logId: nextId(books),
        refundId: nextId(books),
        refundNumber: `R${books.ids}`,
      };
      return decideTakeNotice(world, command, at);
    });
    for (const notice of stored.values()) {
      const at = shelf.kept.findIndex(({ id }) => id === notice.id);
      const isSame = isDeepStrictEqual(notice, shelf.kept[at]);
      assert(written.repeated.has(notice) !== isSame, `${notice.id} is noted when it changes`);
      shelf.kept[at] = notice;
    }
    shelf.kept.push(...written.fresh);
    return outcomes;
  });
}

function take(
  books: Books,
  shelf: Shelf,
  judged: NoticeVerdict,
  more: Omit<Coming, "judged"> = {},
) {
  const [outcome] = takeAll(books, shelf, [{ judged, ...more }]);
  assert(outcome !== undefined, "one notice, one outcome");
  return outcome;
}

function ofTrade(trade: ChannelTrade, noticeId = "n-1"): NoticeVerdict {
  return { kind: "verified", notice: { kind: "payment", noticeId, trade } };
}

function ofRefund(refund: ChannelRefund, noticeId = "n-1"): NoticeVerdict {
  return { kind: "verified", notice: { kind: "refund", noticeId, refund } };
}

const unproven: readonly NoticeVerdict[] = [
  { kind: "forged", why: "the signature does not fit" },
  { kind: "unreadable", why: "no key" },
];
const ignoredAs = (noticeId: string): NoticeVerdict => ({
  kind: "ignored",
  noticeId,
  why: "a complaint",
});
const ignored = ignoredAs("n-1");

describe("a notice of a payment", () => {
  const awaiting = () => attemptAt("awaiting");
  /** What was told, of what, the verdict, the attempt's state after it, what happened. */
  const rows: [string, () => AttemptAt, Partial<ChannelTrade>, string, string, string[]][] = [
    ["paid", awaiting, {}, "paid", "paid", ["payment_paid"]],
    ["unpaid", awaiting, { state: "unpaid" }, "unpaid", "awaiting", []],
    ["closed", awaiting, { state: "closed" }, "closed", "closed", []],
    [
      "paid, of one that is closed",
      () => attemptAt("closed"),
      {},
      "paid",
      "paid",
      ["payment_paid"],
    ],
    ["paid, of one that is paid", () => attemptAt("paid"), {}, "paid_before", "paid", []],
    [
      "another amount",
      awaiting,
      { amountMinor: 1n },
      "mismatch: amount",
      "awaiting",
      ["payment_mismatch"],
    ],
    [
      "another currency and app",
      awaiting,
      { currency: "USD", appId: "a-2" },
      "mismatch: currency, app",
      "awaiting",
      ["payment_mismatch"],
    ],
  ];
  test.each(rows)(
    "%s: booked as a query would book it [PAY-13]",
    (_, at, told, verdict, ...after) => {
      const { books, attemptId } = at();
      const shelf = emptyShelf();
      const happened = eventTypes(books).length;
      const trade = { ...tradeOf(books, attemptId), ...told };
      const { reply, notice } = take(books, shelf, ofTrade(trade));
      expect(reply).toBe("taken");
      expect(notice).toMatchObject({ verdict, attemptNumber: trade.attemptNumber, deliveries: 1 });
      expect([attemptOf(books, attemptId).state, eventTypes(books).slice(happened)]).toEqual(after);
      expect(books.log.at(-1)).toMatchObject({ attemptId, what: "notice", outcome: verdict });
      expect(shelf.events).toEqual([]);
    },
  );

  test("of an attempt over another account of the merchant books nothing [PAY-13]", () => {
    const { books, attemptId } = attemptAt("awaiting");
    const told = ofTrade(tradeOf(books, attemptId));
    const { reply, notice } = take(books, emptyShelf(), told, { from: other });
    expect([reply, notice.verdict]).toEqual(["taken", "mismatch: account"]);
    expect(attemptOf(books, attemptId).state).toBe("awaiting");
  });

  test("that is paid a second time goes back under the number that came with it [PAY-07]", () => {
    const { books, attemptId: first } = attemptAt("closed");
    const second = opened(books);
    tellTrade(books, first);
    const { notice } = take(books, emptyShelf(), ofTrade(tradeOf(books, second)));
    expect(notice.verdict).toBe("surplus");
    const [refund] = books.refunds.values();
    expect(refund).toMatchObject({ attemptId: second, cause: "surplus", amountMinor: paid });
    expect(refund?.number).toMatch(/^R\d+$/);
  });
});

describe("a notice of a refund", () => {
  const rows: [string, Partial<ChannelRefund>, string, string][] = [
    ["refunded", {}, "refunded", "refunded"],
    ["closed", { state: "closed" }, "failed", "failed"],
    ["abnormal", { state: "abnormal" }, "abnormal", "abnormal"],
    ["another amount", { refundMinor: 1n }, "mismatch: amount", "processing"],
    ["another attempt", { attemptNumber: "A1" }, "mismatch: attempt_number", "processing"],
  ];
  test.each(rows)("%s: booked as a query would book it", (_, told, verdict, state) => {
    const { books, attemptId, refundId } = refundAt("processing");
    const refund = { ...channelRefundOf(books, refundId), ...told };
    const { reply, notice } = take(books, emptyShelf(), ofRefund(refund));
    const { refundNumber, attemptNumber } = refund;
    expect(reply).toBe("taken");
    expect(notice).toMatchObject({ verdict, refundNumber, attemptNumber });
    expect(refundOf(books, refundId).state).toBe(state);
    expect(books.log.at(-1)).toMatchObject({ attemptId, refundId, what: "notice" });
  });
});

describe("a number that we never gave", () => {
  const { books, attemptId } = attemptAt("awaiting");
  const { refundId, books: refunds } = refundAt("processing");
  const trade = { ...tradeOf(books, attemptId), attemptNumber: "X1" };
  const refund = { ...channelRefundOf(refunds, refundId), refundNumber: "X1" };
  test.each([
    ["of a payment", ofTrade(trade)],
    ["of a refund", ofRefund(refund)],
  ])("%s is taken, told to people, and books nothing", (_, judged) => {
    const at = attemptAt("awaiting");
    const shelf = emptyShelf();
    const before = structuredClone({ ...at.books, ids: 0 });
    const { reply, notice } = take(at.books, shelf, judged);
    expect([reply, notice.verdict]).toEqual(["taken", "unknown_number"]);
    const data = { noticeId: notice.id, accountId: account.id, channel: "plain", number: "X1" };
    expect(shelf.events).toEqual([{ type: "notice_unmatched", data }]);
    expect({ ...at.books, ids: 0 }).toEqual(before);
  });
});

describe("what tells nothing that could be booked", () => {
  const rows = [
    { judged: ignored, reply: "taken", verdict: "ignored: a complaint" },
    { judged: unproven[0], reply: "refused", verdict: "forged: the signature does not fit" },
    { judged: unproven[1], reply: "refused", verdict: "unreadable: no key" },
  ];
  test.each(rows)("$verdict: kept byte for byte, and $reply [PAY-13]", (row) => {
    const { judged, reply, verdict } = row;
    assert(judged !== undefined, "a row");
    const { books } = attemptAt("awaiting");
    const before = structuredClone({ ...books, ids: 0 });
    const shelf = emptyShelf();
    expect(take(books, shelf, judged)).toMatchObject({ reply, notice: { verdict, deliveries: 1 } });
    expect(shelf.kept).toMatchObject([
      { accountId: account.id, headers: { "x-from": "channel" }, body, receivedAt: now },
    ]);
    expect({ ...books, ids: 0 }).toEqual(before);
  });
});

describe("the same notice again", () => {
  const paidOnce = () => {
    const { books, attemptId } = attemptAt("awaiting");
    return { books, attemptId, shelf: emptyShelf(), told: ofTrade(tradeOf(books, attemptId)) };
  };

  test("is counted and changes nothing else, later or in the same batch [PAY-13]", () => {
    const { books, attemptId, shelf, told } = paidOnce();
    const first = takeAll(books, shelf, [{ judged: told }, { judged: told }]);
    const before = structuredClone({ ...books, ids: 0 });
    const again = takeAll(books, shelf, [{ judged: told, at: now + hourMs }, { judged: told }]);
    for (const { reply, notice } of [...first, ...again]) {
      expect([reply, notice.id, notice.verdict]).toEqual(["taken", first[0]?.notice.id, "paid"]);
    }
    expect(shelf.kept).toMatchObject([{ deliveries: 4, receivedAt: now }]);
    expect({ ...books, ids: 0 }).toEqual(before);
    expect(balanceOf(books, capturedAccount(attemptId)).posted).toBe(paid);
    expect(eventTypes(books)).toEqual(["payment_paid"]);
  });

  test("under an id of its own is booked once all the same", () => {
    const { books, attemptId, shelf } = paidOnce();
    for (const id of ["n-1", "n-2"]) take(books, shelf, ofTrade(tradeOf(books, attemptId), id));
    expect(shelf.kept.map(({ verdict }) => verdict)).toEqual(["paid", "paid_before"]);
    expect(eventTypes(books)).toEqual(["payment_paid"]);
  });

  test("an id belongs to its account", () => {
    const { books, shelf } = paidOnce();
    take(books, shelf, ignored);
    take(books, shelf, ignored, { from: other });
    expect(shelf.kept.map(({ accountId }) => accountId)).toEqual([account.id, other.id]);
  });

  const nameless: NoticeVerdict[] = [...unproven, ignoredAs("")];
  test.each(nameless)("$kind, without an id, is kept each time", (judged) => {
    const { books, shelf } = paidOnce();
    const replies = [take(books, shelf, judged), take(books, shelf, judged)];
    expect(shelf.kept.map(({ deliveries }) => deliveries)).toEqual([1, 1]);
    expect(replies[0]?.reply).toBe(replies[1]?.reply);
  });

  test("a forged one before the true one does not stand in its place [PAY-13]", () => {
    const { books, shelf, told } = paidOnce();
    for (const judged of [...unproven, told]) take(books, shelf, judged);
    expect(shelf.kept.at(-1)).toMatchObject({ verdict: "paid", deliveries: 1 });
  });
});

describe("a lost notice is made up for by asking [PAY-12]", () => {
  const ask = ({ books, attemptId }: AttemptAt) => tellTrade(books, attemptId);
  const told = ({ books, attemptId }: AttemptAt) =>
    take(books, emptyShelf(), ofTrade(tradeOf(books, attemptId)));
  test.each([
    ["only asked", [ask]],
    ["asked, and the notice comes after all", [ask, told]],
    ["told, and asked in spite of it", [told, ask]],
  ])("%s: paid once", (_, steps) => {
    const at = attemptAt("awaiting");
    for (const each of steps) each(at);
    expect(paymentOf(at.books)).toMatchObject({ state: "paid", paidAttemptId: at.attemptId });
    expect(balanceOf(at.books, capturedAccount(at.attemptId)).posted).toBe(paid);
    expect(eventTypes(at.books)).toEqual(["payment_paid"]);
    expect(at.books.refunds.size).toBe(0);
  });
});

describe("texts of others", () => {
  const long = `\0${"9".repeat(300)}`;
  const { books, attemptId } = attemptAt("awaiting");
  const trade = tradeOf(books, attemptId);

  test("are cut to what is kept, without what PostgreSQL cannot keep", () => {
    const shelf = emptyShelf();
    const number = ofTrade({ ...trade, attemptNumber: long }, long);
    expect(take(books, shelf, number).notice).toMatchObject({
      channelNoticeId: "9".repeat(256),
      attemptNumber: "9".repeat(64),
    });
    expect(shelf.events).toMatchObject([{ data: { number: "9".repeat(64) } }]);
    const why = take(books, shelf, { kind: "forged", why: long });
    expect(why.notice.verdict).toBe(`forged: ${"9".repeat(192)}`);
  });

  test("an id that was cut is known again", () => {
    const shelf = emptyShelf();
    for (const _ of [1, 2]) take(books, shelf, ignoredAs(long));
    expect(shelf.kept).toMatchObject([{ deliveries: 2 }]);
  });
});
