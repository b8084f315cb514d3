import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { importCanaries, roomCanaries } from "./tidy/canaries/code.ts";
import { statementCanaries, tableCanaries } from "./tidy/canaries/database.ts";
import { cleanHouse } from "./tidy/canaries/house.ts";
import { documentCanaries, syntaxCanaries } from "./tidy/canaries/text.ts";
import { printed, rules, tidy } from "./tidy.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
const canaries = [
  ...importCanaries,
  ...roomCanaries,
  ...statementCanaries,
  ...tableCanaries,
  ...syntaxCanaries,
  ...documentCanaries,
];
const roots: string[] = [];

function build(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "tidy-"));
  roots.push(root);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

test("finds nothing in the project itself", () => {
  expect(tidy({ root: project }).map(printed)).toEqual([]);
});

test("finds nothing in a clean house", () => {
  expect(tidy({ root: build(cleanHouse) }).map(printed)).toEqual([]);
});

test.each(canaries)("$rule: notices $plant", ({ rule, path, content }) => {
  const found = tidy({ root: build({ ...cleanHouse, [path]: content }) });
  expect(
    [...new Set(found.map((violation) => violation.rule))],
    found.map(printed).join("\n"),
  ).toEqual([rule]);
});

test("every rule has a canary", () => {
  const planted = new Set<string>(canaries.map(({ rule }) => rule));
  expect(Object.keys(rules).filter((rule) => !planted.has(rule))).toEqual([]);
});

test("a list of debt excuses the files it names", () => {
  const root = build({
    ...cleanHouse,
    "server/kernel/loose.ts": "export type Loose = any;\n",
    "tools/debt/no-any.txt": "server/kernel/loose.ts\n",
  });
  expect(tidy({ root }).map(printed)).toEqual([]);
});

test("names the line of a violation", () => {
  const path = "server/kernel/loose.ts";
  const root = build({
    ...cleanHouse,
    [path]: "export const one = 1;\nexport type Loose = any;\n",
  });
  expect(tidy({ root }).map(printed)).toEqual([
    `${path}:2 no-any: name the type, or unknown and a check`,
  ]);
});
