/** A process that the system stops in the middle of a batch, as a full machine or a person may. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createCommitters } from "./batch.ts";
import { createDatabase } from "./database.ts";
import { createIds } from "./ids.ts";
import { rawConnection } from "./testing/connections.ts";
import { testDatabase } from "./testing/database.ts";
import { take, takingTables } from "./testing/taking.ts";
import { systemClock } from "./time.ts";

const { url } = await testDatabase();
const raw = await rawConnection(url);
await raw.query(takingTables);
const folder = mkdtempSync(join(tmpdir(), "tongbao-stopped-"));
const ids = createIds({ clock: systemClock });
const tenantId = ids.next();
await raw.query("insert into probe.counters values ($1, 'left', 1000)", [tenantId]);
afterAll(async () => {
  await raw.end();
  rmSync(folder, { recursive: true });
});

/** Another process that takes one, and is held up once while it decides, its locks taken. */
function startTaker(given: { id: string; deciding: string; goOn: string }) {
  const module = (path: string) => JSON.stringify(join(import.meta.dirname, path));
  const program = `
    import { existsSync, writeFileSync } from "node:fs";
    import { createCommitters } from ${module("batch.ts")};
    import { createDatabase } from ${module("database.ts")};
    import { take } from ${module("testing/taking.ts")};
    const { url, tenantId, id, deciding, goOn } = JSON.parse(process.argv[1]);
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const operation = {
      ...take,
      decide(world, command, now) {
        writeFileSync(deciding, "");
        // No turn of the event loop: it hears nothing of its connection before it writes.
        while (!existsSync(goOn)) Atomics.wait(pause, 0, 0, 10);
        return take.decide(world, command, now);
      },
    };
    const database = createDatabase({ url, clock: Date });
    const retries = [];
    const observe = { committed() {}, queued() {}, retried: (_name, why) => retries.push(why) };
    const committers = createCommitters({ database, observe });
    const key = { key: "the stopped one's", bodyHash: Buffer.alloc(32) };
    const answer = await committers.runKeyed(operation, tenantId, key, { id, amount: 1n });
    await committers.stop();
    await database.close();
    console.log(JSON.stringify({ answer, retries }));`;
  const handedOver = JSON.stringify({ url, tenantId, ...given });
  return spawn(process.execPath, ["--input-type=module", "-e", program, handedOver], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "inherit"],
  });
}

test("others go on after some seconds, and what it did late is done anew, once", async () => {
  const database = createDatabase({ url, clock: systemClock });
  const committers = createCommitters({ database });
  const [mine, theirs] = [ids.next(), ids.next()];
  const [deciding, goOn] = [join(folder, "deciding"), join(folder, "go-on")];
  const taker = startTaker({ id: theirs, deciding, goOn });
  const output = once(taker.stdout, "data");
  await expect.poll(() => existsSync(deciding), { timeout: 20_000 }).toBe(true);
  taker.kill("SIGSTOP");

  const startedAt = performance.now();
  await committers.run(take, tenantId, { id: mine, amount: 1n });
  // The time that a transaction may idle, and patience for a busy machine.
  expect(performance.now() - startedAt).toBeLessThan(8_000);

  writeFileSync(goOn, "");
  taker.kill("SIGCONT");
  const [line] = await output;
  const { answer, retries } = JSON.parse(String(line));
  expect(answer).toMatchObject({ kind: "answered", status: 201 });
  expect(retries).toHaveLength(1);
  // It has seen what was taken while it stood still.
  expect(JSON.parse(answer.body)).toEqual({ id: theirs, left: 998 });
  const { rows } = await raw.query(
    "select id from probe.entries where tenant_id = $1 order by id",
    [tenantId],
  );
  expect(rows).toEqual([{ id: mine }, { id: theirs }]);
  const { rows: counters } = await raw.query(
    "select value::integer as left from probe.counters where tenant_id = $1",
    [tenantId],
  );
  expect(counters).toEqual([{ left: 998 }]);
  await committers.stop();
  await database.close();
});
