import { posix } from "node:path";
import ts from "typescript";
import { columnsMax, emptyNames, fileLinesMax, functionLinesMax, isGenerated } from "./house.ts";
import type { Rule } from "./rules.ts";
import type { Source, Tree, Violation } from "./tree.ts";
import { walk } from "./tree.ts";

type Report = (rule: Rule, line: number, message: string) => void;

/** The measurable part of how the code reads: sources by their syntax, other texts by the line. */
export function checkStyle(tree: Tree): Violation[] {
  const found: Violation[] = [];
  const reportFor =
    (path: string): Report =>
    (rule, line, message) =>
      found.push({ path, line, rule, message });
  for (const source of tree.sources) {
    if (isGenerated(source.path)) continue;
    const report = reportFor(source.path);
    checkSyntax(source, report);
    checkComments(source, report);
    checkFunctions(source, report);
    checkColumns(source, report);
  }
  for (const path of tree.paths) {
    if (!isText(path) || isGenerated(path)) continue;
    checkText(path, tree.text(path), reportFor(path));
  }
  return found;
}

/** What npm writes is nobody's prose. */
function isText(path: string): boolean {
  return (
    /\.(ts|tsx|mjs|sql|md|json|yml|yaml|html|css|svg|sh|txt)$/.test(path) &&
    path !== "package-lock.json"
  );
}

function checkSyntax(source: Source, report: Report): void {
  walk(source.ast, (node) => {
    const fault = faultOf(node, source);
    if (fault !== undefined) report(fault[0], source.lineOf(node), fault[1]);
  });
}

function faultOf(node: ts.Node, source: Source): [Rule, string] | undefined {
  switch (node.kind) {
    case ts.SyntaxKind.AnyKeyword:
      return ["no-any", "name the type, or unknown and a check"];
    case ts.SyntaxKind.NonNullExpression:
      return ["no-non-null", "check it, or take it with required()"];
    case ts.SyntaxKind.EnumDeclaration:
      return ["no-enum", "write a union of literals"];
    case ts.SyntaxKind.Decorator:
      return ["no-decorator", "call the function where its effect is wanted"];
    case ts.SyntaxKind.ExportAssignment:
      return isConfiguration(source.path) ? undefined : ["no-default-export", "export a name"];
    case ts.SyntaxKind.DefaultKeyword:
      return isDefaultExport(node) ? ["no-default-export", "export a name"] : undefined;
    default:
      return faultOfExpression(node);
  }
}

function faultOfExpression(node: ts.Node): [Rule, string] | undefined {
  if (ts.isExportDeclaration(node) && node.exportClause === undefined) {
    return ["no-export-star", "export the names"];
  }
  if (ts.isAsExpression(node) && ts.isAsExpression(node.expression)) {
    return ["no-double-cast", "parse the value or correct its type"];
  }
  const isUnproven =
    (ts.isPropertyDeclaration(node) || ts.isVariableDeclaration(node)) &&
    node.exclamationToken !== undefined;
  if (isUnproven) return ["no-non-null", "give it a value where it is declared"];
  if (ts.isPropertyAccessExpression(node)) return faultOfTest(node);
  return undefined;
}

/** `test.skip`, `describe.only`, `vi.mock`. */
function faultOfTest(node: ts.PropertyAccessExpression): [Rule, string] | undefined {
  const owner = node.expression.getText();
  if (/^(test|it|describe)$/.test(owner) && /^(skip|only|todo|fails)$/.test(node.name.text)) {
    return ["no-skipped-test", `${owner}.${node.name.text}: every test runs, or is not there`];
  }
  if (owner === "vi" && /^(mock|doMock|spyOn|fn)$/.test(node.name.text)) {
    return ["no-mock", "run the real thing; the outside world is the simulator"];
  }
  return undefined;
}

function isDefaultExport(node: ts.Node): boolean {
  return ts.isFunctionDeclaration(node.parent) || ts.isClassDeclaration(node.parent);
}

function isConfiguration(path: string): boolean {
  return /\.config\.(ts|mjs)$/.test(path);
}

const comment = /\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
// Each ends like a statement: prose in comments does not.
const deadCode =
  /^(?:(?:import|export|const|let|var|return|await|throw|if|for|while|function|async|try|switch|case)\b.*[;{]|[\w.]+\(.*\);|[\w.[\]]+ (?:=|\+=) .*;|\}(?: else \{| catch.*\{)?|\}\)?;)$/;
const suppression = /@ts-(?:ignore|nocheck|expect-error)|(?:eslint|oxlint)-disable/;

function checkComments(source: Source, report: Report): void {
  // Literals are blanked out, so that a `//` inside of an address is no comment.
  for (const match of source.textWithoutLiterals.matchAll(comment)) {
    const first = source.ast.getLineAndCharacterOfPosition(match.index).line + 1;
    const silenced = suppression.exec(match[0])?.[0];
    if (silenced !== undefined) report("no-suppression", first, `${silenced}: mend the cause`);
    match[0].split("\n").forEach((line, at) => {
      if (match[0].startsWith("/**")) return;
      const text = line.replace(/^\s*(?:\/\/|\/\*|\*\/|\*)?\s*/, "").trim();
      if (deadCode.test(text)) report("no-dead-code", first + at, "take it out; git remembers");
    });
  }
}

type FunctionNode = ts.FunctionLikeDeclaration & { readonly body: ts.Node };

function isFunction(node: ts.Node): node is FunctionNode {
  return ts.isFunctionLike(node) && "body" in node && node.body !== undefined;
}

/**
 * A nested function is counted for itself and is one line of the outer one: a `create…` that gives
 * ten short methods is ten short functions, not a long one.
 */
function checkFunctions(source: Source, report: Report): void {
  const ownLines = new Map<ts.Node, number>();
  const spanOf = (node: ts.Node): number =>
    source.ast.getLineAndCharacterOfPosition(node.end).line + 2 - source.lineOf(node);
  const visit = (node: ts.Node, outer: ts.Node | undefined): void => {
    const isOne = isFunction(node);
    if (isOne) {
      const span = spanOf(node);
      ownLines.set(node, span);
      if (outer !== undefined) ownLines.set(outer, (ownLines.get(outer) ?? 0) - (span - 1));
    }
    ts.forEachChild(node, (child) => visit(child, isOne ? node : outer));
  };
  visit(source.ast, undefined);
  for (const [node, lines] of ownLines) {
    if (lines <= functionLinesMax) continue;
    report("function-length", source.lineOf(node), `${nameOf(node)} has ${lines} lines`);
  }
}

function nameOf(node: ts.Node): string {
  if (ts.isFunctionDeclaration(node) || ts.isMethodDeclaration(node)) {
    return node.name?.getText() ?? "the function";
  }
  return ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : "the function";
}

/** The formatter cannot fold a literal, so its columns are excused; code and prose are not. */
function checkColumns(source: Source, report: Report): void {
  const bare = source.textWithoutLiterals.split("\n");
  source.lines.forEach((line, at) => {
    if (line.length <= columnsMax || /https?:\/\//.test(line)) return;
    const code = (bare[at] ?? "").replace(/ {2,}/g, " ").trim();
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    const hasLiteral = bare[at] !== line;
    if (hasLiteral && indent + code.length <= columnsMax) return;
    report("columns", at + 1, `${line.length} columns`);
  });
}

const workplaceWords =
  /(?:^|[^\w.])\/wor[k]\/|bash_job[s]|registry\.npm[j]s|npmmirro[r]|\b(?:Claud[e]|Anthropi[c]|OpenA[I]|ChatGP[T]|LL[M])\b|\bissue #?\d+\b/;
const notDone = /\b(?:TOD[O]|FIXM[E]|XX[X])\b/;

function checkText(path: string, text: string, report: Report): void {
  const lines = text.split("\n");
  const count = text.endsWith("\n") ? lines.length - 1 : lines.length;
  if (/\.(ts|tsx|mjs|sql)$/.test(path) && count > fileLinesMax) {
    report("file-length", 1, `${count} lines`);
  }
  const [name = ""] = posix.basename(path).split(".");
  if (emptyNames.has(name)) report("file-name", 1, `${name} says nothing`);
  lines.forEach((line, at) => {
    const word = workplaceWords.exec(line)?.[0].trim();
    if (word !== undefined) report("own-words", at + 1, `"${word}" is no word of this project`);
    if (notDone.test(line)) report("no-todo", at + 1, "do it now or leave it out");
    if (path.endsWith(".sql") && line.length > columnsMax) {
      report("columns", at + 1, `${line.length} columns`);
    }
  });
}
