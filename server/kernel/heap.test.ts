import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { heapArguments } from "./heap.ts";

test("who runs the server on a machine of their own is told the arguments of npm start", () => {
  const path = join(import.meta.dirname, "../../docs/operating/running.md");
  const command = `node ${heapArguments({}).join(" ")} server/main.ts`;
  expect(readFileSync(path, "utf8")).toContain(`\`${command}\``);
});

test.each([
  [{}, ["--max-semi-space-size=32", "--heap-growing-percent=80"]],
  [
    { NODE_OPTIONS: "--enable-source-maps" },
    ["--max-semi-space-size=32", "--heap-growing-percent=80"],
  ],
  [
    { NODE_OPTIONS: "--enable-source-maps --max-semi-space-size=64" },
    ["--heap-growing-percent=80"],
  ],
  [{ NODE_OPTIONS: "--max_semi_space_size=64" }, ["--heap-growing-percent=80"]],
])("what NODE_OPTIONS says holds: %j", (environment, args) => {
  expect(heapArguments(environment)).toEqual(args);
});
