import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { finished } from "node:stream/promises";
import { expect, test } from "vitest";
import { openBoundedLog } from "../../server/kernel/bounded-log.ts";
import { createChildLog, warningOf } from "./child-log.ts";

test("shows warnings and errors with their cause, and nothing else", () => {
  const line = (entry: object) => JSON.stringify(entry);
  expect(warningOf(line({ level: "info", msg: "all is well" }))).toBeUndefined();
  expect(warningOf("no JSON at all")).toBeUndefined();
  expect(warningOf(line({ level: "warn", msg: "slow" }))).toBe("warn: slow");
  const slow = { method: "GET", route: "/v1/orders", status: 200, elapsedMs: 1_234 };
  expect(warningOf(line({ level: "warn", msg: "slow request", ...slow }))).toBe(
    "warn: slow request: GET /v1/orders took 1234 ms, status 200",
  );
  expect(warningOf(line({ level: "error", msg: "no", error: { message: "gone" } }))).toBe(
    "error: no: gone",
  );
});

test("writes everything to the log, and bounds what a person has to see", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tongbao-child-log-"));
  const log = openBoundedLog(join(folder, "server.log"));
  const said: string[] = [];
  const childLog = createChildLog({ name: "server", log, say: (line) => said.push(line) });
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  childLog.follow(stdout, stderr);
  // A line may come in pieces.
  stdout.write('{"level":"info","msg":"fine"}\n{"level":"wa');
  stdout.end('rn","msg":"slow"}\n');
  for (let count = 0; count < 30; count += 1) stderr.write(`trouble ${count}\n`);
  stderr.end();
  await Promise.all([finished(stdout), finished(stderr)]);
  log.close();

  const written = readFileSync(log.path, "utf8");
  expect(written).toContain('{"level":"info","msg":"fine"}\n{"level":"warn","msg":"slow"}\n');
  expect(written).toContain("trouble 29\n");
  expect(said).toContain("server: warn: slow");
  expect(said).toHaveLength(21);
  expect(said.at(-1)).toBe(`server: more warnings are in ${log.path}`);
  rmSync(folder, { recursive: true });
});
