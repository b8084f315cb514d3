import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** One hand of deeds: each once. */
const told = [
  /killed the server( 2)?, back after/,
  /killed the worker 1, back after/,
  /killed PostgreSQL, back after/,
  /killed everything, back after/,
  /held the (server|server 2|worker 1) for 10\.0 s/,
  /moved the clock of the (server|server 2|worker 1) (forwards|back) by an hour/,
  /opened a sale of 40 units to 100 members while the clock of the server( 2)? was moved/,
  /let \d+ come at once, [1-9]\d* of whom were told to come later/,
];

test("nothing is lost or doubled whatever is killed, held, moved or overrun", async () => {
  const args = [join(root, "tools/chaos.ts"), "--rounds", String(told.length)];
  const child = spawn(process.execPath, args, {
    cwd: root,
    // Over the channel it learns when this test was killed.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = await once(child, "close");

  // The seed stands in the first line; with it the same things are done again.
  expect(code, output).toBe(0);
  for (const deed of told) expect(output).toMatch(deed);
  const judged = /[1-9]\d* acknowledged orders are there once; [1-9]\d* events without a gap/g;
  expect(output.match(judged)).toHaveLength(told.length);
  expect(output).toMatch(/[1-9]\d* acknowledged orders are there exactly once, each under its key/);
  expect(output).toMatch(/[1-9]\d* payments that the outside took are booked exactly once/);
  expect(output).toMatch(/[1-9]\d* orders were placed at the time that it was/);
  expect(output).toMatch(/ok +everybody was answered, at the latest \w+ \S+ after [\d.]+ s and/);
  expect(output).toMatch(/The audit holds: (\d+) of \1 sentences are true\.\n$/);
}, 400_000);
