import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { required } from "./kernel/assert.ts";
import { idTime, parseId } from "./kernel/ids.ts";
import { rawConnection } from "./kernel/testing/connections.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import { hourMs, minuteMs, secondMs } from "./kernel/time.ts";

/** The whole program on a machine whose clock is wrong, against a PostgreSQL that is right. */
const { url } = await testDatabase();
const raw = await rawConnection(url);
const home = mkdtempSync(join(tmpdir(), "tongbao-clock-"));
const running: { end(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const program of running.splice(0)) await program.end();
});
afterAll(async () => {
  await raw.end();
  rmSync(home, { recursive: true });
});

const patience = { timeout: 20_000 };

interface Shifts {
  readonly shiftMs: number;
  readonly laterMs: number;
}

async function start({ shiftMs, laterMs }: Shifts) {
  const preload = join(import.meta.dirname, "testing/shifted-date.ts");
  const child = spawn(
    process.execPath,
    ["--import", preload, join(import.meta.dirname, "main.ts")],
    {
      env: {
        ...process.env,
        DATABASE_URL: url,
        PORT: "0",
        TONGBAO_HOME: home,
        SHIFT_MS: String(shiftMs),
        SHIFT_LATER_MS: String(laterMs),
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exit = once(child, "close");
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  running.push({ end: () => (child.kill("SIGTERM"), exit) });
  const addressOf = () => /listening on (http:\/\/[\d.:]+)/.exec(output)?.[1];
  await expect.poll(addressOf, patience).toBeDefined();
  const { tokens, products } = JSON.parse(readFileSync(join(home, "demo.json"), "utf8"));
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${addressOf()}${path}`, {
      ...init,
      headers: {
        authorization: `Bearer ${tokens.service}`,
        "content-type": "application/json",
        ...init.headers,
      },
    });
  return {
    log: () => output,
    /** Its machine's clock is set to the later shift. */
    jump: () => child.kill("SIGUSR2"),

    async place() {
      const reply = await ask("/v1/orders", {
        method: "POST",
        headers: { "idempotency-key": crypto.randomUUID() },
        body: JSON.stringify({
          memberId: "m-1",
          lines: [{ skuId: products[0].skuIds[0], quantity: 1 }],
        }),
      });
      expect(reply.status).toBe(201);
      const order = (await reply.json()) as Record<"id" | "placedAt" | "closesAt", string>;
      return {
        id: required(parseId<"Order">(order.id), "an id"),
        placedAt: Date.parse(order.placedAt),
        closesAt: Date.parse(order.closesAt),
      };
    },

    async stateOf(orderId: string): Promise<string> {
      const reply = await ask(`/v1/orders/${orderId}`);
      return ((await reply.json()) as { state: string }).state;
    },

    async figure(name: string): Promise<number> {
      const text = await (await ask("/metrics")).text();
      return Number(new RegExp(`^tongbao_${name} (.+)$`, "m").exec(text)?.[1]);
    },
  };
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
      const early = await program.place();
      const after = await databaseTime();
      expect(early.placedAt).toBeGreaterThan(before - toleratedMs);
      expect(early.placedAt).toBeLessThan(after + toleratedMs);
      expect(early.closesAt - early.placedAt).toBe(30 * minuteMs);
      expect(Math.abs(idTime(early.id) - early.placedAt)).toBeLessThan(toleratedMs);

      const late = await program.place();
      // Also behind the jump of two hours.
      expect(early.id > lastId && late.id > early.id).toBe(true);
      lastId = late.id;
      // In half an hour the one is due, a machine an hour ahead thinks it is; the other is due now.
      await setCloseDue(early.id, hourMs / 2);
      await setCloseDue(late.id, 0);
      await expect.poll(() => program.stateOf(late.id), patience).toBe("closed");
      expect(await program.stateOf(early.id)).toBe("pending_payment");

      const seconds = () => program.figure("clock_difference_seconds");
      await expect.poll(seconds, patience).toBeCloseTo(shiftMs / secondMs, 0);
      expect(program.log()).toContain("the system's clock is wrong; the database's time holds");
      program.jump();
    }
  },
);
