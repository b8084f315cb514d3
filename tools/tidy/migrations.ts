import { tablesOfTheDatabase } from "./house.ts";
import type { Rule } from "./rules.ts";
import type { Statement, Token } from "./sql.ts";
import { readStatements, sqlCaseOf } from "./sql.ts";
import type { Tree, Violation } from "./tree.ts";

/** Gives another value on every call: rows could not be replayed, copied or compared. */
const volatileFunctions =
  /^(now|clock_timestamp|current_timestamp|localtimestamp|current_date|statement_timestamp|transaction_timestamp|timeofday|random|gen_random_uuid|uuidv4|uuidv7|uuid_generate_v4|nextval)$/;

type Report = (rule: Rule, line: number, message: string) => void;

export function isVolatile(word: string): boolean {
  return volatileFunctions.test(word);
}

/** DDL of the migrations, and of sources that create tables themselves. */
export function checkMigrations(tree: Tree): Violation[] {
  const found: Violation[] = [];
  const check = (path: string, statements: readonly Statement[]): void => {
    const report: Report = (rule, line, message) => found.push({ path, line, rule, message });
    for (const statement of statements) checkDefinition(statement, report);
  };
  for (const path of migrationPaths(tree)) check(path, readStatements(tree.text(path)));
  for (const source of tree.sources) {
    if (!source.path.startsWith("server/") || source.isTest) continue;
    for (const literal of source.literals) {
      if (sqlCaseOf(literal) === undefined) continue;
      check(source.path, readStatements(literal.text, literal.line));
    }
  }
  return found;
}

function migrationPaths(tree: Tree): string[] {
  return tree.paths.filter((path) => /^server\/migrations\/\d{4}_\w+\.sql$/.test(path));
}

/** The tables that carry a tenant: those of the migrations but for the few of the database. */
export function tenantTables(tree: Tree): Set<string> {
  const tables = new Set<string>();
  for (const path of migrationPaths(tree)) {
    for (const { tokens } of readStatements(tree.text(path))) {
      const table = tokens[0]?.text === "create" ? tableAfter(tokens, "table") : undefined;
      if (table !== undefined && !tablesOfTheDatabase.has(table.name)) tables.add(table.name);
    }
  }
  return tables;
}

function checkDefinition({ tokens, line }: Statement, report: Report): void {
  const words = tokens.slice(0, 5).map(({ text }) => text);
  const [first] = words;
  if (first !== "create" && first !== "alter") return;
  if (words.includes("trigger")) report("no-trigger", line, "what a trigger does nobody reads");
  if (words[1] === "sequence") report("no-identity", line, "numbers come from the app");
  if (first === "create" && words.includes("index")) return checkIndex(tokens, report);
  const table = tableAfter(tokens, "table");
  if (table === undefined) return;
  const elements = elementsOf(tokens, table.end, first);
  for (const element of elements) {
    checkValues(element, report);
    checkForeignSchema(element, table.name, report);
    if (!tablesOfTheDatabase.has(table.name)) checkKeys(element, report);
  }
  const isPartition = tokens[table.end]?.text === "partition";
  if (first === "alter" || isPartition || tablesOfTheDatabase.has(table.name)) return;
  checkTenantColumn(elements, table.name, line, report);
}

interface TableName {
  readonly name: string;
  /** Position of the first token behind the name. */
  readonly end: number;
}

function tableAfter(tokens: readonly Token[], keyword: string): TableName | undefined {
  let at = tokens.findIndex(({ text }) => text === keyword);
  if (at < 0 || at > 3) return undefined;
  at += 1;
  while (/^(if|not|exists|only)$/.test(tokens[at]?.text ?? "")) at += 1;
  const name = tokens[at]?.text;
  if (name === undefined) return undefined;
  if (tokens[at + 1]?.text !== ".") return { name, end: at + 1 };
  return { name: `${name}.${tokens[at + 2]?.text ?? ""}`, end: at + 3 };
}

/** Columns and constraints: of a CREATE what its bracket holds, of an ALTER what it adds. */
function elementsOf(tokens: readonly Token[], start: number, verb: "create" | "alter"): Token[][] {
  const base = verb === "create" ? 1 : 0;
  const elements: Token[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(start)) {
    if (token.text === ")") depth -= 1;
    if (verb === "create" && depth === 0 && token.text === ")") break;
    if (token.text === "," && depth === base) elements.push([]);
    else if (depth >= base) elements.at(-1)?.push(token);
    if (token.text === "(") depth += 1;
  }
  const isNoise = ({ text }: Token, at: number): boolean =>
    (verb === "alter" && at < 5 && /^(add|column|if|not|exists)$/.test(text)) ||
    text === "constraint";
  return elements
    .map((element) => withoutLead(element, isNoise))
    .filter(({ length }) => length > 0);
}

/** Drops `add column` and `constraint <name>` in front of what an element defines. */
function withoutLead(element: Token[], isNoise: (token: Token, at: number) => boolean): Token[] {
  let at = 0;
  for (let token = element[at]; token !== undefined && isNoise(token, at); token = element[at]) {
    at += token.text === "constraint" ? 2 : 1;
  }
  return element.slice(at);
}

function checkIndex(tokens: readonly Token[], report: Report): void {
  if (!tokens.some(({ text }) => text === "unique")) return;
  const table = tableAfter(tokens.slice(tokens.findIndex(({ text }) => text === "on")), "on");
  if (table !== undefined && tablesOfTheDatabase.has(table.name)) return;
  checkFirst(
    tokens,
    tokens.findIndex(({ text }) => text === "on"),
    "a unique index",
    report,
  );
}

function checkKeys(element: readonly Token[], report: Report): void {
  const [name, second] = element;
  if (name === undefined) return;
  if (name.text === "primary") return checkFirst(element, 0, "a primary key", report);
  if (name.text === "unique") return checkFirst(element, 0, "a unique constraint", report);
  if (name.text === "foreign") return checkFirst(element, 0, "a foreign key", report);
  if (name.text === "exclude") return checkFirst(element, 0, "an exclusion", report);
  if (/^(check|drop|alter|rename|set|owner|enable|validate)$/.test(name.text)) return;
  if (name.text === "tenant_id" || second === undefined) return;
  const key = element.find(({ text }) => /^(primary|unique|references)$/.test(text));
  if (key === undefined) return;
  report("tenant-first", key.line, `${key.text} of one column leaves tenant_id out`);
}

function checkFirst(tokens: readonly Token[], start: number, what: string, report: Report): void {
  const bracket = tokens.findIndex(({ text }, at) => at > start && text === "(");
  const column = tokens[bracket + 1];
  if (column === undefined || column.text === "tenant_id") return;
  report("tenant-first", column.line, `${what} starts with ${column.text}, not with tenant_id`);
}

function checkValues(element: readonly Token[], report: Report): void {
  element.forEach(({ text, line }, at) => {
    if (
      /^(small|big)?serial$/.test(text) ||
      (text === "identity" && element[at - 1]?.text === "as")
    ) {
      report("no-identity", line, `${text}: ids are made by the app`);
    }
    if (text !== "default") return;
    const volatile = element.slice(at + 1).find((token) => isVolatile(token.text));
    if (volatile === undefined) return;
    report("no-volatile-default", volatile.line, `default ${volatile.text}: send the value`);
  });
}

function checkForeignSchema(element: readonly Token[], table: string, report: Report): void {
  const at = element.findIndex(({ text }) => text === "references");
  const schema = element[at + 1];
  if (at < 0 || schema === undefined || element[at + 2]?.text !== ".") return;
  if (table.startsWith(`${schema.text}.`)) return;
  report("own-schema", schema.line, `${table} refers to a table of ${schema.text}`);
}

function checkTenantColumn(
  elements: readonly Token[][],
  table: string,
  line: number,
  report: Report,
): void {
  const column = elements.find(([name]) => name?.text === "tenant_id");
  const texts = column?.map(({ text }) => text).join(" ") ?? "";
  if (!/\b(not null|primary key)\b/.test(texts)) {
    report("tenant-table", line, `${table} needs a column tenant_id not null`);
  }
  const hasKey = elements.some((element) => element.some(({ text }) => text === "primary"));
  if (!hasKey) report("tenant-table", line, `${table} needs a primary key`);
}
