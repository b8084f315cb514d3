import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { rawConnection } from "./kernel/testing/connections.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import type { Program } from "./testing/program.ts";
import { mainFile, startProgram } from "./testing/program.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
const home = mkdtempSync(join(tmpdir(), "tongbao-main-"));
afterAll(async () => {
  await raw.end();
  rmSync(home, { recursive: true });
});

const patience = { timeout: 20_000 };

const start = (role: "all" | "api" | "worker") =>
  startProgram({ url, home, environment: { TONGBAO_ROLE: role } });

/** Gives the id of the order; undefined when nobody answered. */
async function place(program: Program, key: string): Promise<string | undefined> {
  const lines = [{ skuId: program.skuId, quantity: 1 }];
  try {
    const reply = await program.post("/v1/orders", { memberId: "m-1", lines }, key);
    return ((await reply.json()) as { id?: string }).id;
  } catch {
    return undefined;
  }
}

async function ordersInDatabase(): Promise<string[]> {
  const { rows } = await raw.query<{ id: string }>("select id from orders.orders order by id");
  return rows.map(({ id }) => id);
}

async function forgetOrders(): Promise<void> {
  await raw.query("truncate orders.orders cascade");
}

test("the figures of the running program move with what it does [OBS-06] [OBS-10]", async () => {
  const program = await start("all");
  const ofPlacing = 'operation="orders.place_order"';
  const oldest = 'oldest_unfinished_seconds{machine="order",state="pending_payment"}';
  expect(await program.figure(oldest)).toBe(0);
  expect(await program.figure(`batch_size_count{${ofPlacing}}`)).toBeUndefined();

  const keys = Array.from({ length: 30 }, (_, at) => `figures-${at}`);
  await Promise.all(keys.map((key) => place(program, key)));
  expect(await program.figure(`batch_size_sum{${ofPlacing}}`)).toBe(30);
  const batches = (await program.figure(`batch_size_count{${ofPlacing}}`)) ?? 0;
  expect(batches).toBeGreaterThan(0);
  expect(await program.figure(`commit_seconds_count{${ofPlacing}}`)).toBe(batches);
  expect(await program.figure(`commit_seconds_sum{${ofPlacing}}`)).toBeGreaterThan(0);
  expect(await program.figure("queue_depth")).toBe(0);
  expect(await program.figure("job_backlog")).toBe(0);
  await expect.poll(() => program.figure(oldest), patience).toBeGreaterThan(0);

  await raw.query("update orders.orders set close_due_at = now() - interval '1 second'");
  await expect
    .poll(() => program.figure('deadlines_swept_total{deadline="orders.close_due"}'), patience)
    .toBe(30);
  await expect.poll(() => program.figure(oldest), patience).toBe(0);
});

test("one that serves and one that works share the work, each doing its own", async () => {
  await forgetOrders();
  const api = await start("api");
  const order = await place(api, "roles-1");
  await raw.query("update orders.orders set close_due_at = now() - interval '1 second'");
  const worker = await start("worker");
  const swept = 'deadlines_swept_total{deadline="orders.close_due"}';
  await expect.poll(() => worker.figure(swept), patience).toBe(1);
  expect(await api.figure(swept)).toBeUndefined();
  expect((await worker.get("/readyz")).status).toBe(200);
  expect((await worker.get("/v1/orders")).status).toBe(404);
  const { items } = JSON.parse((await api.get(`/v1/orders/${order}/history`)).text);
  expect(items.map(({ to }: { to: string }) => to)).toEqual(["pending_payment", "closed"]);
});

test("a stop under load loses nothing that was acknowledged, and does nothing that was not", async () => {
  await forgetOrders();
  const program = await start("all");
  let answered = 0;
  const placing = Array.from({ length: 400 }, async (_, at) => {
    const id = await place(program, `stop-${at}`);
    answered += 1;
    // Some are answered, some are under way, some are still to be sent.
    if (answered === 40) program.signal("SIGTERM");
    return id;
  });
  const acknowledged = (await Promise.all(placing)).filter((id) => id !== undefined);
  expect(await program.exit).toBe(0);
  expect(acknowledged.length).toBeGreaterThanOrEqual(40);
  expect(await ordersInDatabase()).toEqual(acknowledged.toSorted());
});

test("it ends by itself when who started it was killed while it was starting", async () => {
  const child = spawn(process.execPath, [mainFile], {
    env: { ...process.env, DATABASE_URL: url, PORT: "0", TONGBAO_HOME: home, LOG_LEVEL: "warn" },
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  onTestFinished(() => {
    if (child.exitCode === null) child.kill("SIGKILL");
  });
  await once(child, "spawn");
  // All that a child sees of its parent's death.
  child.disconnect();
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
}, 20_000);

test("it says in a sentence that the database is not there", async () => {
  const nobody = "postgresql://127.0.0.1:9/tongbao";
  const child = spawn(process.execPath, [mainFile], {
    env: { ...process.env, DATABASE_URL: nobody, PORT: "0", TONGBAO_HOME: home },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let said = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = await once(child, "close");
  expect(code).toBe(1);
  expect(said).toMatch(/^the database of DATABASE_URL does not answer: .*ECONNREFUSED.*\n$/);
}, 20_000);

test("a setting that it refuses ends it, loaded and compiled", async () => {
  const compiled = join(home, "compiled");
  const refused = { PORT: "none", DATABASE_URL: "", NODE_COMPILE_CACHE: compiled };
  const child = spawn(process.execPath, [mainFile], { env: { ...process.env, ...refused } });
  let said = "";
  child.stderr.on("data", (chunk) => (said += String(chunk)));
  const [code] = await once(child, "close");
  expect(code).toBe(78);
  expect(said).toContain("PORT");
  expect(said).toContain("DATABASE_URL");
  expect(readdirSync(compiled)).not.toEqual([]);
});
