import { expect, test } from "vitest";
import type { FaultKind, FaultParams, Operation } from "../../../../../simulator/index.ts";
import { dayMs, hourMs } from "../../../../kernel/time.ts";
import type { ChannelTrade, StatementRow } from "../../../../modules/payments/plug.ts";
import { openedTrade, valueOf } from "./stand.ts";
import type { Stand } from "./stand.ts";

/** A past day of the channel, which nothing else in the run has touched. */
interface Day {
  readonly name: string;
  /** Noon of it: no row is near another day. */
  readonly noon: number;
}

/** The channels' days are Beijing's. */
const beijingMs = 8 * hourMs;

export function certifyStatements(stand: () => Stand): void {
  // Before these days are those that stay empty; a statement is kept for some 90 days.
  let daysBack = 2;

  function newDay(): Day {
    daysBack += 1;
    const name = new Date(Date.now() + beijingMs - daysBack * dayMs).toISOString().slice(0, 10);
    return { name, noon: Date.parse(`${name}T12:00:00+08:00`) };
  }
  async function paidAt(at: number, amountMinor: bigint): Promise<ChannelTrade> {
    const { attemptNumber } = await openedTrade(stand(), { amountMinor });
    await stand().pay(attemptNumber, at);
    return valueOf(await stand().query(attemptNumber));
  }
  async function rowsOf({ name }: Day): Promise<readonly StatementRow[]> {
    const statement = valueOf(await stand().statement(name));
    if (statement.kind !== "rows") throw new Error(statement.kind);
    return statement.rows;
  }

  test("S-01 a day's statement tells its payments, and only its own", async () => {
    const day = newDay();
    const first = await paidAt(day.noon, 1999n);
    const second = await paidAt(day.noon + hourMs, 123_456_789n);
    await paidAt(newDay().noon, 1n);
    expect(await rowsOf(day)).toMatchObject(
      [first, second].map(({ attemptNumber, channelTradeNumber, amountMinor, paidAt: at }) => ({
        kind: "payment",
        attemptNumber,
        channelTradeNumber,
        amountMinor,
        currency: "CNY",
        at,
      })),
    );
  });

  test("S-02 every part that went back is a row of its own", async () => {
    const day = newDay();
    const trade = await paidAt(day.noon, 1999n);
    const parts = [1n, 998n, 1_000n].map((refundMinor) =>
      stand().newRefund(trade, { refundMinor }),
    );
    for (const [index, part] of parts.entries()) {
      await stand().refundAt(part, day.noon + (index + 1) * hourMs);
    }
    const [payment, ...refunds] = await rowsOf(day);
    expect(payment).toMatchObject({ kind: "payment", amountMinor: 1999n });
    expect(refunds).toMatchObject(
      parts.map(({ refundNumber, refundMinor, attemptNumber }, index) => ({
        kind: "refund",
        refundNumber,
        attemptNumber,
        channelTradeNumber: trade.channelTradeNumber,
        amountMinor: refundMinor,
        at: day.noon + (index + 1) * hourMs,
      })),
    );
  });

  test("S-03 money that went back days later stands on the day it went", async () => {
    const later = newDay();
    const day = newDay();
    const trade = await paidAt(day.noon, 5_000n);
    await stand().refundAt(stand().newRefund(trade), later.noon);
    expect((await rowsOf(day)).map(({ kind }) => kind)).toEqual(["payment"]);
    expect(await rowsOf(later)).toMatchObject([{ kind: "refund", amountMinor: 5_000n }]);
  });

  test("S-04 the channel's fee is taken from a payment and given back with a refund", async () => {
    const day = newDay();
    const trade = await paidAt(day.noon, 100_000n);
    const refund = stand().newRefund(trade, { refundMinor: 25_000n });
    await stand().refundAt(refund, day.noon + hourMs);
    // 0.6 %, as the world's channels have it.
    expect((await rowsOf(day)).map(({ feeMinor }) => feeMinor)).toEqual([600n, -150n]);
  });

  test("S-05 a day without trades has none, and that is an answer", async () => {
    const day = newDay();
    expect(await stand().statement(day.name)).toEqual({ kind: "ok", value: { kind: "no_trades" } });
    await paidAt(day.noon, 1n);
    const another = await stand().statementOfAnother(day.name);
    expect(another).toEqual({ kind: "ok", value: { kind: "no_trades" } });
  });

  test("S-06 the statement of a day that is not over is not ready", async () => {
    await paidAt(Date.now(), 1n);
    const today = new Date(Date.now() + beijingMs).toISOString().slice(0, 10);
    const statement = valueOf(await stand().statement(today));
    if (statement.kind !== "not_ready") throw new Error(statement.kind);
    expect(statement.retryAfterMs).toBeGreaterThan(0);
  });

  const changes = [
    "statement_row_missing",
    "statement_row_changed",
    "statement_row_extra",
    "statement_wrong_hash",
  ] as const;
  for (const kind of changes) {
    test(`S-07 a file that contradicts itself is not read: ${kind}`, async () => {
      const day = newDay();
      await paidAt(day.noon, 1999n);
      await paidAt(day.noon + hourMs, 1n);
      stand().plan(kind, { operation: "statement" });
      expect((await stand().statement(day.name)).kind).toBe("unknown");
      expect(await rowsOf(day)).toHaveLength(2);
    });
  }

  const faults: readonly (readonly [FaultKind, Operation, FaultParams])[] = [
    ["drop_request", "statement", {}],
    ["drop_reply", "statement", {}],
    ["error_before", "statement", { status: 502 }],
    ["rate_limit", "statement", {}],
    ["reply_bad_signature", "statement", {}],
    ["drop_request", "statement_file", {}],
    ["error_after", "statement_file", { status: 502 }],
    ["rate_limit", "statement_file", {}],
  ];
  for (const [kind, operation, params] of faults) {
    test(`S-08 ${kind} at the ${operation} leaves it open, and the next try reads it`, async () => {
      const day = newDay();
      await paidAt(day.noon, 1999n);
      const fault = stand().plan(kind, { operation }, params);
      expect((await stand().statement(day.name)).kind).toBe("unknown");
      expect(fault.hasStruck()).toBe(true);
      expect(await rowsOf(day)).toMatchObject([{ amountMinor: 1999n }]);
    });
  }
}
