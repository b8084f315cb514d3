import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

async function run(...args: string[]) {
  const [script = "", ...rest] = args;
  const child = spawn(process.execPath, [join(import.meta.dirname, script), ...rest]);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = await once(child, "close");
  return { code, said };
}

test.each([
  ["demo.ts", "--members", "19"],
  ["demo.ts", "--members", "many"],
  ["demo.ts", "--weather"],
  ["chaos.ts", "--rounds", "0"],
  ["chaos.ts", "--rounds", "1.5"],
])("%s %s %s starts nothing, and says what it takes", async (...args) => {
  const { code, said } = await run(...args);
  expect(code).toBe(64);
  expect(said).toContain(`npm run ${args[0]?.replace(".ts", "")} -- [--`);
});
