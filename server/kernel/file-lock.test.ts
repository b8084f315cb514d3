import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { required } from "./assert.ts";
import { readHolder, tryFileLock, waitForFileLock } from "./file-lock.ts";
import type { FileLock } from "./file-lock.ts";
import { identityOf } from "./process.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tongbao-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

function acquire(): FileLock {
  const attempt = tryFileLock(path);
  if (attempt.kind === "held") throw new Error(`held by ${attempt.holder.pid}`);
  return attempt.lock;
}

test("a lock is held by one, who is named to the others with its facts", () => {
  const lock = acquire();
  lock.setFacts({ address: "http://127.0.0.1:8080" });
  const attempt = tryFileLock(path);
  expect(attempt).toMatchObject({
    kind: "held",
    holder: { pid: process.pid, facts: { address: "http://127.0.0.1:8080" } },
  });
  lock.release();
  acquire().release();
  expect(readdirSync(folder)).toEqual([]);
});

test("a holder that was killed has lost the lock, and its facts are told to the next", async () => {
  const child = spawn("sleep", ["600"]);
  await once(child, "spawn");
  const holder = required(identityOf(required(child.pid, "its id")), "its identity");
  writeFileSync(path, JSON.stringify({ ...holder, facts: { children: [7] } }));
  expect(tryFileLock(path)).toMatchObject({ kind: "held", holder });

  child.kill("SIGKILL");
  await once(child, "exit");
  const lock = acquire();
  expect(lock.former?.facts).toEqual({ children: [7] });
  expect(readHolder(path)?.pid).toBe(process.pid);
  lock.release();
});

test("a file that holds nothing readable is no lock", () => {
  writeFileSync(path, "");
  const lock = acquire();
  expect(readHolder(path)?.pid).toBe(process.pid);
  lock.release();
});

test("one at a time, when many processes take a stale lock at once", async () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: "long ago", facts: {} }));
  // Each holder writes a file that must not be there yet, and removes it before it lets go.
  const roundsOf = [1, 2, 3, 5, 8, 13, 20, 20];
  const program = `
    const roundsOf = ${JSON.stringify(roundsOf)};
    import { rmSync, writeFileSync } from "node:fs";
    import { waitForFileLock } from ${JSON.stringify(join(import.meta.dirname, "file-lock.ts"))};
    for (let round = 0; round < 20; round += 1) {
      const lock = await waitForFileLock(${JSON.stringify(path)});
      writeFileSync(${JSON.stringify(join(folder, "alone"))}, "", { flag: "wx" });
      rmSync(${JSON.stringify(join(folder, "alone"))});
      // The others inherit from one that ends without letting go.
      if (round === roundsOf[process.argv[1]] - 1) process.exit(0);
      lock.release();
    }`;
  const codes = await Promise.all(
    roundsOf.map(async (_, index) => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program, `${index}`]);
      const [code] = await once(child, "close");
      return code as unknown;
    }),
  );
  expect(codes).toEqual(roundsOf.map(() => 0));
  acquire().release();
  expect(readdirSync(folder)).toEqual([]);
});

test("waiting ends when the holder lets go", async () => {
  const lock = acquire();
  let waitedFor = 0;
  const waiting = waitForFileLock(path, (holder) => {
    waitedFor = holder.pid;
    lock.release();
  });
  (await waiting).release();
  expect(waitedFor).toBe(process.pid);
});
