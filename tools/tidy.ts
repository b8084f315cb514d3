/**
 * The rules of the house as a program: storeys, rooms, tenants, style. It reads what git knows of
 * the tree, prints `path:line rule: message` and ends with 1 when a rule is broken.
 *
 *     node tools/tidy.ts [--root directory]
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { settleDebt } from "./tidy/debt.ts";
import { checkDocuments } from "./tidy/documents.ts";
import { checkImports } from "./tidy/imports.ts";
import { checkMigrations } from "./tidy/migrations.ts";
import { checkRooms } from "./tidy/rooms.ts";
import { rules } from "./tidy/rules.ts";
import { checkStatements } from "./tidy/statements.ts";
import { checkStyle } from "./tidy/style.ts";
import type { Violation } from "./tidy/tree.ts";
import { readTree } from "./tidy/tree.ts";

export type { Violation } from "./tidy/tree.ts";
export { rules } from "./tidy/rules.ts";

const checks = [
  checkImports,
  checkRooms,
  checkStatements,
  checkMigrations,
  checkStyle,
  checkDocuments,
];

export function tidy(options: { root: string }): Violation[] {
  const tree = readTree(resolve(options.root));
  const found = checks.flatMap((check) => check(tree));
  return settleDebt(tree, found).toSorted(
    (a, b) => a.path.localeCompare(b.path) || a.line - b.line || a.rule.localeCompare(b.rule),
  );
}

export function printed(violation: Violation): string {
  return `${violation.path}:${violation.line} ${violation.rule}: ${violation.message}`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { root: { type: "string", default: "." } } });
  const violations = tidy(values);
  for (const violation of violations) console.log(printed(violation));
  const broken = new Set(violations.map(({ rule }) => rule));
  for (const rule of broken) console.log(`\n${rule}: ${rules[rule]}`);
  if (violations.length > 0) process.exitCode = 1;
}
