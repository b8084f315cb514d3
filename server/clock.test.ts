import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { required } from "./kernel/assert.ts";
import { idTime, parseId } from "./kernel/ids.ts";
import { rawConnection } from "./kernel/testing/connections.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import { formatInstant, hourMs, minuteMs, secondMs } from "./kernel/time.ts";
import type { Program } from "./testing/program.ts";
import { startProgram } from "./testing/program.ts";

/** The whole program on a machine whose clock is wrong, against a PostgreSQL that is right. */
const { url } = await testDatabase();
const raw = await rawConnection(url);
const home = mkdtempSync(join(tmpdir(), "tongbao-clock-"));
afterAll(async () => {
  await raw.end();
  rmSync(home, { recursive: true });
});

const patience = { timeout: 20_000 };

/** On SIGUSR2 its machine's clock is set to the later shift. */
function start({ shiftMs, laterMs = shiftMs }: { shiftMs: number; laterMs?: number }) {
  const preload = join(import.meta.dirname, "testing/shifted-date.ts");
  const environment = { SHIFT_MS: String(shiftMs), SHIFT_LATER_MS: String(laterMs) };
  return startProgram({ url, home, preload, environment });
}

async function place(program: Program) {
  const lines = [{ skuId: program.skuId, quantity: 1 }];
  const reply = await program.post("/v1/orders", { memberId: "m-1", lines });
  expect(reply.status).toBe(201);
  const order = (await reply.json()) as Record<"id" | "placedAt" | "closesAt", string>;
  return {
    id: required(parseId<"Order">(order.id), "an id"),
    placedAt: Date.parse(order.placedAt),
    closesAt: Date.parse(order.closesAt),
  };
}

async function stateOf(program: Program, orderId: string): Promise<string> {
  const { text } = await program.get(`/v1/orders/${orderId}`);
  return JSON.parse(text).state;
}

async function databaseTime(): Promise<number> {
  const { rows } = await raw.query<{ ms: number }>(
    "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms",
  );
  return required(rows[0], "a time").ms;
}

async function setCloseDue(orderId: string, inMs: number): Promise<void> {
  await raw.query(
    `update orders.orders set close_due_at = clock_timestamp() + $2 * interval '1 ms' where id = $1`,
    [orderId, inMs],
  );
}

/** Both sides are read to the millisecond, over connections that take their time. */
const toleratedMs = 100;

test.each([
  { shiftMs: hourMs, laterMs: -hourMs },
  { shiftMs: -hourMs, laterMs: hourMs },
])(
  "a machine $shiftMs ms off dates and closes by PostgreSQL's, and its ids rise",
  async (shifts) => {
    const program = await start(shifts);
    let lastId = "";
    for (const shiftMs of [shifts.shiftMs, shifts.laterMs]) {
      const before = await databaseTime();
      const early = await place(program);
      const after = await databaseTime();
      expect(early.placedAt).toBeGreaterThan(before - toleratedMs);
      expect(early.placedAt).toBeLessThan(after + toleratedMs);
      expect(early.closesAt - early.placedAt).toBe(30 * minuteMs);
      expect(Math.abs(idTime(early.id) - early.placedAt)).toBeLessThan(toleratedMs);

      const late = await place(program);
      // Also behind the jump of two hours.
      expect(early.id > lastId && late.id > early.id).toBe(true);
      lastId = late.id;
      // In half an hour the one is due, a machine an hour ahead thinks it is; the other is due now.
      await setCloseDue(early.id, hourMs / 2);
      await setCloseDue(late.id, 0);
      await expect.poll(() => stateOf(program, late.id), patience).toBe("closed");
      expect(await stateOf(program, early.id)).toBe("pending_payment");

      const seconds = () => program.figure("clock_difference_seconds");
      await expect.poll(seconds, patience).toBeCloseTo(shiftMs / secondMs, 0);
      expect(program.log()).toContain("the system's clock is wrong; the database's time holds");
      program.signal("SIGUSR2");
    }
  },
);

/** A sale of the demo's goods, opened and closed by PostgreSQL's clock: one unit a member. */
async function scheduleSale(program: Program, hours: { opensAt: number; closesAt: number }) {
  const reply = await program.post("/v1/sales", {
    title: "Anniversary",
    opensAt: formatInstant(hours.opensAt),
    closesAt: formatInstant(hours.closesAt),
    limitPerMember: 1,
    items: [{ skuId: program.skuId, price: { amount: 900, currency: "CNY" }, allotment: 10 }],
  });
  expect(reply.status).toBe(201);
  const { id } = (await reply.json()) as { id: string };
  expect((await program.post(`/v1/sales/${id}/schedule`, {})).status).toBe(200);
  return id;
}

interface Told {
  readonly state: "scheduled" | "open" | "ended";
  /** Between these it was told, by PostgreSQL. */
  readonly from: number;
  readonly to: number;
}

/** One member orders again and again until the sale is over: what it was, and the one order. */
async function orderUntilOver(program: Program, saleId: string, memberId: string) {
  const body = { memberId, saleId, lines: [{ skuId: program.skuId, quantity: 1 }] };
  const told: Told[] = [];
  const placedAt: number[] = [];
  while (told.at(-1)?.state !== "ended") {
    const from = await databaseTime();
    const reply = await program.post("/v1/orders", body);
    const answer = (await reply.json()) as
      | { placedAt: string; code?: undefined }
      | { code: "sale_not_open"; facts: { state: "scheduled" | "ended" } }
      | { code: "sale_limit_reached" };
    if (answer.code === undefined) placedAt.push(Date.parse(answer.placedAt));
    else expect(["sale_not_open", "sale_limit_reached"]).toContain(answer.code);
    const state = answer.code === "sale_not_open" ? answer.facts.state : "open";
    told.push({ state, from, to: await databaseTime() });
  }
  return { told, placedAt };
}

test("a sale opens and closes at one instant, on machines two hours apart", async () => {
  const programs = [await start({ shiftMs: hourMs }), await start({ shiftMs: -hourMs })];
  const opensAt = Math.ceil(await databaseTime()) + 4 * secondMs;
  const closesAt = opensAt + 4 * secondMs;
  const saleId = await scheduleSale(required(programs[0], "a program"), { opensAt, closesAt });
  const ordering = programs.map((program, at) => orderUntilOver(program, saleId, `m-${at}`));
  for (const { told, placedAt } of await Promise.all(ordering)) {
    expect([...new Set(told.map(({ state }) => state))]).toEqual(["scheduled", "open", "ended"]);
    for (const { state, from, to } of told) {
      if (to < opensAt - toleratedMs) expect(state).toBe("scheduled");
      if (from > opensAt + toleratedMs && to < closesAt - toleratedMs) expect(state).toBe("open");
      if (from > closesAt + toleratedMs) expect(state).toBe("ended");
    }
    // By the clock that has decided it, to the millisecond.
    expect(placedAt).toHaveLength(1);
    expect(placedAt[0]).toBeGreaterThanOrEqual(opensAt);
    expect(placedAt[0]).toBeLessThan(closesAt);
  }
});
