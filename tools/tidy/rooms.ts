import ts from "typescript";
import { placeOf, roomsOf, storeys, systemTimeReaders } from "./house.ts";
import { isPureImport } from "./imports.ts";
import type { Rule } from "./rules.ts";
import type { Source, Tree, Violation } from "./tree.ts";
import { walk } from "./tree.ts";

type Report = (rule: Rule, line: number, message: string) => void;

/** The six rooms of a module, and what each may hold. */
export function checkRooms(tree: Tree): Violation[] {
  const found: Violation[] = [];
  for (const path of tree.paths) {
    const report: Report = (rule, line, message) => found.push({ path, line, rule, message });
    checkPath(path, report);
  }
  for (const source of tree.sources) {
    const report: Report = (rule, line, message) =>
      found.push({ path: source.path, line, rule, message });
    const place = placeOf(source.path);
    if (source.isTest) continue;
    if (source.path.startsWith("server/")) checkClock(source, report);
    if (place.zone === "kernel") checkKernelWords(source, report);
    if (place.zone !== "module") continue;
    if (place.room === "domain") checkDomain(tree, source, report);
    if (place.room === "index") checkIndex(source, report);
  }
  return found;
}

function checkPath(path: string, report: Report): void {
  const place = placeOf(path);
  if (place.zone !== "module") return;
  if (!storeys.has(place.module)) {
    report("module", 1, `${place.module} has no storey: add it to tools/tidy/house.ts`);
    return;
  }
  const rooms = roomsOf(place.module);
  if (rooms.includes(place.room)) return;
  report("room", 1, `${place.room} is no room; the rooms are ${rooms.join(", ")}`);
}

const businessWords =
  /(payment|refund|coupon|voucher|sku|product|catalog|ledger|wechat|alipay|merchant|checkout)/i;

/** Comments may name an example; names and texts of the kernel may not. */
function checkKernelWords(source: Source, report: Report): void {
  walk(source.ast, (node) => {
    if (!ts.isIdentifier(node) && !ts.isStringLiteralLike(node)) return;
    const word = businessWords.exec(node.text)?.[0];
    if (word === undefined) return;
    report("kernel-words", source.lineOf(node), `${word} is business; the kernel has mechanisms`);
  });
}

/** A process whose system clock is an hour off must not open, close or date anything by it. */
function checkClock(source: Source, report: Report): void {
  if (systemTimeReaders.has(source.path)) return;
  for (const { line, valueNames } of source.imports) {
    if (!valueNames.includes("systemClock")) continue;
    report("one-clock", line, "systemClock is this machine's; take the clock as an argument");
  }
  walk(source.ast, (node) => {
    const what = systemTimeOf(node);
    if (what === undefined) return;
    report("one-clock", source.lineOf(node), `${what} is this machine's time; ask the clock`);
  });
}

function systemTimeOf(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replaceAll("?.", ".");
    return text === "Date.now" ? text : undefined;
  }
  if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return undefined;
  if (node.expression.getText() !== "Date") return undefined;
  if (ts.isCallExpression(node)) return "Date()";
  return (node.arguments ?? []).length === 0 ? "new Date() without an argument" : undefined;
}

/** Calls and reads that make an answer depend on more than the arguments. */
const impureCalls =
  /^(Math\.random|performance\.now|process\..+|crypto\..+|globalThis\.crypto\..+|console\..+)$/;
const impureNames =
  /^(fetch|setTimeout|setInterval|setImmediate|queueMicrotask|structuredClone|require)$/;

function checkDomain(tree: Tree, source: Source, report: Report): void {
  for (const entry of source.imports) {
    if (isPureImport(tree, source, entry)) continue;
    report("pure-domain", entry.line, `a domain must not import ${entry.target}`);
  }
  walk(source.ast, (node) => {
    const what = impurityOf(node);
    if (what === undefined) return;
    report("pure-domain", source.lineOf(node), `a domain has no ${what}; take it as an argument`);
  });
}

function impurityOf(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return "async";
  if (ts.isAwaitExpression(node)) return "await";
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replaceAll("?.", ".");
    return impureCalls.test(text) ? text : undefined;
  }
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  const { text } = node.expression;
  return impureNames.test(text) ? text : undefined;
}

/** Three lines, no more: a door plate, not a manual. */
const headLines = 3;

function checkIndex(source: Source, report: Report): void {
  const head = /^(?:\/\*\*\n[\s\S]*?\*\/|(?:\/\/[^\n]*\n)+)/.exec(source.text)?.[0] ?? "";
  const lines = head.split("\n").filter((line) => /[A-Za-z]/.test(line));
  if (lines.length !== headLines) {
    report("index-face", 1, `the head comment has ${lines.length} lines of text, not ${headLines}`);
  }
  for (const statement of source.ast.statements) {
    if (ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined) continue;
    report("index-face", source.lineOf(statement), "only `export { … } from` stands in an index");
  }
}
