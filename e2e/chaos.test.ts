import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

test("nothing is lost or doubled when server, database and everything are killed", async () => {
  const child = spawn(process.execPath, [join(root, "tools/chaos.ts"), "--rounds", "3"], {
    cwd: root,
    // Over the channel it learns when this test was killed.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [code] = await once(child, "close");

  // The seed stands in the first line; with it the same things are killed again.
  expect(code, output).toBe(0);
  for (const victim of ["server", "PostgreSQL", "everything"]) {
    expect(output).toMatch(new RegExp(`round \\d of 3: killed ${victim} after .*, back after`));
  }
  expect(output).toMatch(/[1-9]\d* acknowledged orders are there exactly once, each under its key/);
  expect(output).toMatch(/[1-9]\d* payments that the outside took are booked exactly once/);
  expect(output).toMatch(/The audit holds: (\d+) of \1 sentences are true\.\n$/);
}, 300_000);
