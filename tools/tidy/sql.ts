import type { Literal } from "./tree.ts";

/**
 * Reads SQL as far as the rules need it: words, parameters and brackets with their lines. It is not
 * a parser; it understands the SQL that this project writes.
 */
export interface Token {
  readonly kind: "word" | "parameter" | "hole" | "value" | "symbol";
  /** Words in lower case, quoted names without their quotes. */
  readonly text: string;
  readonly line: number;
}

export interface Statement {
  readonly tokens: readonly Token[];
  readonly line: number;
  /** The reason after `-- across tenants:`, the mark of a statement that reads all of them. */
  readonly acrossTenants: string | undefined;
}

/** A SELECT, INSERT, UPDATE or DELETE with the tokens of its own, without those nested in it. */
export interface Block {
  readonly tokens: readonly Token[];
}

export interface Relation {
  readonly schema: string | undefined;
  readonly name: string;
  readonly use: "read" | "insert";
  /** Position of the first token behind the name. */
  readonly end: number;
  readonly line: number;
}

const tokenPattern =
  /--[^\n]*|\/\*[\s\S]*?\*\/|\$(\w*)\$[\s\S]*?\$\1\$|'(?:[^']|'')*'|"[^"]+"|\$\{\}|\$\d+|[A-Za-z_]\w*|\d[\w.]*|::|\n|[^\s]/g;

export function readStatements(text: string, firstLine = 1): Statement[] {
  const statements: Statement[] = [];
  let tokens: Token[] = [];
  let acrossTenants: string | undefined;
  let line = firstLine;
  const finish = (): void => {
    const [first] = tokens;
    if (first !== undefined) statements.push({ tokens, line: first.line, acrossTenants });
    tokens = [];
    acrossTenants = undefined;
  };
  for (const [piece] of text.matchAll(tokenPattern)) {
    if (piece.startsWith("--")) acrossTenants ??= /^-- across tenants: (.+)/.exec(piece)?.[1];
    else if (piece === ";") finish();
    else if (piece !== "\n" && !piece.startsWith("/*")) tokens.push({ ...tokenOf(piece), line });
    line += piece.split("\n").length - 1;
  }
  finish();
  return statements;
}

function tokenOf(piece: string): Pick<Token, "kind" | "text"> {
  if (piece === "${}") return { kind: "hole", text: piece };
  if (/^\$\d+$/.test(piece)) return { kind: "parameter", text: piece };
  if (piece.startsWith('"')) return { kind: "word", text: piece.slice(1, -1) };
  if (/^[A-Za-z_]/.test(piece)) return { kind: "word", text: piece.toLowerCase() };
  if (/^['$\d]/.test(piece)) return { kind: "value", text: piece };
  return { kind: "symbol", text: piece };
}

const sqlBeginnings = [
  /^select\s+(?:distinct\s|all\s|[\w.*$'"(])[^;]*?(?:\bfrom\b|\(|\$\d)/,
  /^insert\s+into\s+[\w."$]/,
  /^update\s+[\w."${}]+\s+(?:as\s+)?(?:\w+\s+)?set\s/,
  /^delete\s+from\s+[\w."$]/,
  /^with\s+(?:recursive\s+)?\w+\s*(?:\([^)]*\)\s*)?as\s+(?:(?:not\s+)?materialized\s+)?\(/,
  /^merge\s+into\s/,
  /^(?:create|alter|drop)\s+(?:table|index|unique|schema|type|function|trigger|sequence|view)\s/,
  /^truncate\s+(?:table\s+)?[\w.]+/,
  /^lock\s+table\s/,
];

export type SqlCase = "lower" | "upper";

/** Tells SQL from prose by how it begins; undefined when the literal is not SQL. */
export function sqlCaseOf(literal: Literal): SqlCase | undefined {
  const text = literal.text.replace(/^(?:\s|--[^\n]*\n)+/, "");
  if (sqlBeginnings.some((pattern) => pattern.test(text))) return "lower";
  const first = /^[A-Z]{4,}\b/.exec(text)?.[0];
  if (first === undefined) return undefined;
  return sqlBeginnings.some((pattern) => pattern.test(text.toLowerCase())) ? "upper" : undefined;
}

/** Every bracket that opens a query is a block of its own; other brackets belong to their block. */
export function blocksOf(tokens: readonly Token[]): Block[] {
  const done: Block[] = [];
  const open: { tokens: Token[]; depth: number }[] = [{ tokens: [], depth: 0 }];
  tokens.forEach((token, at) => {
    const top = open.at(-1);
    if (top === undefined) return;
    if (
      token.text === "(" &&
      /^(select|insert|update|delete|with)$/.test(tokens[at + 1]?.text ?? "")
    ) {
      top.tokens.push(token);
      open.push({ tokens: [], depth: 0 });
      return;
    }
    if (token.text === ")" && top.depth === 0 && open.length > 1) {
      done.push({ tokens: top.tokens });
      open.pop();
      open.at(-1)?.tokens.push(token);
      return;
    }
    if (token.text === "(") top.depth += 1;
    if (token.text === ")") top.depth -= 1;
    top.tokens.push(token);
  });
  return [...open.map(({ tokens: own }) => ({ tokens: own })), ...done];
}

/** Names that `with` gives to parts of the statement; they are no tables. */
export function namedParts(tokens: readonly Token[]): Set<string> {
  const names = new Set<string>();
  tokens.forEach((token, at) => {
    if (token.text !== "as" || at === 0) return;
    const next = tokens.slice(at + 1, at + 4).map(({ text }) => text);
    const bracket = next.findIndex((text) => text === "(");
    if (bracket < 0 || next.slice(0, bracket).some((text) => !/^(not|materialized)$/.test(text))) {
      return;
    }
    const name = nameBefore(tokens, at);
    if (name !== undefined) names.add(name);
  });
  return names;
}

/** `head as (` and `head (a, b) as (` are both called head. */
function nameBefore(tokens: readonly Token[], at: number): string | undefined {
  let position = at - 1;
  if (tokens[position]?.text === ")") {
    while (position > 0 && tokens[position]?.text !== "(") position -= 1;
    position -= 1;
  }
  const token = tokens[position];
  return token?.kind === "word" ? token.text : undefined;
}

const endsFromList =
  /^(where|group|order|limit|offset|having|union|except|intersect|returning|for|on|using|set|select|window|fetch|values|join)$/;
/** `extract(epoch from at)`, `trim(both from name)`: this FROM names no table. */
const takesFrom = /^(extract|substring|trim|overlay|position)$/;

/** The tables that a block names after from, join, update, into. */
export function relationsOf(block: Block): Relation[] {
  const { tokens } = block;
  const found: Relation[] = [];
  const brackets: string[] = [];
  let inFromList = false;
  let depthOfList = 0;
  for (let at = 0; at < tokens.length; at += 1) {
    const { text } = tokens[at] ?? { text: "" };
    const before = tokens[at - 1]?.text ?? "";
    if (text === "(") brackets.push(before);
    if (text === ")") brackets.pop();
    if (endsFromList.test(text) && brackets.length <= depthOfList) inFromList = false;
    const use = useOf(text, before, brackets.at(-1) ?? "");
    if (text === "from" && use !== undefined) {
      inFromList = true;
      depthOfList = brackets.length;
    }
    const nextInList = text === "," && inFromList && brackets.length === depthOfList;
    const relation = use !== undefined || nextInList ? relationAt(tokens, at + 1) : undefined;
    if (relation !== undefined) found.push({ ...relation, use: use ?? "read" });
  }
  return found;
}

function useOf(text: string, before: string, bracket: string): Relation["use"] | undefined {
  if (text === "into") return "insert";
  if (text === "from") {
    return before === "distinct" || takesFrom.test(bracket) ? undefined : "read";
  }
  // `for update` and `on conflict do update` name no table.
  if (text === "update") return /^(for|key|do)$/.test(before) ? undefined : "read";
  return text === "join" || text === "truncate" ? "read" : undefined;
}

function relationAt(tokens: readonly Token[], start: number): Omit<Relation, "use"> | undefined {
  let at = start;
  while (/^(only|lateral|table)$/.test(tokens[at]?.text ?? "")) at += 1;
  const first = tokens[at];
  if (first === undefined || first.kind !== "word") return undefined;
  const isQualified = tokens[at + 1]?.text === ".";
  const name = isQualified ? tokens[at + 2] : first;
  const after = tokens[isQualified ? at + 3 : at + 1]?.text;
  // A bracket right behind makes it a function, except for the columns of an INSERT.
  if (name === undefined || (after === "(" && tokens[start - 1]?.text !== "into")) return undefined;
  return {
    schema: isQualified ? first.text : undefined,
    name: name.text,
    line: first.line,
    end: isQualified ? at + 3 : at + 1,
  };
}
