import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import type { Rule } from "./rules.ts";

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly rule: Rule;
  readonly message: string;
}

/** One import, export-from or `import()` of a source. */
export interface Import {
  /** A path of the tree for relative imports, the specifier as written for packages. */
  readonly target: string;
  readonly isRelative: boolean;
  readonly isTypeOnly: boolean;
  /** Names taken for use at run time; empty for `import type` and for whole modules. */
  readonly valueNames: readonly string[];
  readonly line: number;
}

/** A string or template of a source; `text` has `${}` where a template is filled in. */
export interface Literal {
  readonly text: string;
  readonly line: number;
  readonly node: ts.StringLiteralLike | ts.TemplateExpression;
}

export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** Tests and what they stand on: `*.test.ts` and everything in a folder `testing`. */
  readonly isTest: boolean;
  readonly ast: ts.SourceFile;
  readonly imports: readonly Import[];
  readonly literals: readonly Literal[];
  /** The text with every string, template and regular expression blanked out, columns kept. */
  readonly textWithoutLiterals: string;
  lineOf(node: ts.Node): number;
}

/** Everything that the rules look at, read once. Paths are relative to the root, with slashes. */
export interface Tree {
  readonly root: string;
  readonly paths: readonly string[];
  readonly sources: readonly Source[];
  /** True for files and for folders that have files. */
  has(path: string): boolean;
  /** Empty for a file that is not there: rules about its content then have nothing to say. */
  text(path: string): string;
}

export function readTree(root: string): Tree {
  const paths = listPaths(root);
  const texts = new Map<string, string>();
  const text = (path: string): string => {
    const known = texts.get(path);
    if (known !== undefined) return known;
    const read = existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
    texts.set(path, read);
    return read;
  };
  const known = new Set(paths);
  for (const path of paths) {
    for (let folder = posix.dirname(path); folder !== "."; folder = posix.dirname(folder)) {
      known.add(folder);
    }
  }
  return {
    root,
    paths,
    text,
    sources: paths
      .filter((path) => /\.(ts|tsx|mjs)$/.test(path))
      .map((path) => readSource(path, text(path))),
    has: (path) => known.has(path.replace(/\/$/, "")),
  };
}

/** What git knows or would add. Without git (an unpacked archive) all but what npm and we make. */
function listPaths(root: string): string[] {
  if (!existsSync(join(root, ".git"))) {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => posix.join(entry.parentPath.slice(root.length + 1), entry.name))
      .filter((path) => !/(^|\/)(node_modules|\.tongbao|coverage)\//.test(path))
      .toSorted();
  }
  const listed = execFileSync("git", ["ls-files", "-z", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  // A file that was removed but not yet committed is still listed.
  return [...new Set(listed.split("\0"))]
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .toSorted();
}

function readSource(path: string, text: string): Source {
  const ast = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (node: ts.Node): number =>
    ast.getLineAndCharacterOfPosition(node.getStart(ast)).line + 1;
  const imports: Import[] = [];
  const literals: Literal[] = [];
  const blanks: ts.Node[] = [];
  walk(ast, (node) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) imports.push(readImport(path, node, specifier, lineOf(node)));
    if (isWholeLiteral(node)) literals.push({ text: literalText(node), line: lineOf(node), node });
    if (isLiteralPart(node)) blanks.push(node);
  });
  return {
    path,
    text,
    lines: text.split("\n"),
    isTest: /\.test\.tsx?$|\/testing\//.test(path),
    ast,
    imports,
    literals,
    textWithoutLiterals: blank(text, blanks, ast),
    lineOf,
  };
}

/** Visits every node, parents first. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

function specifierOf(node: ts.Node): ts.StringLiteralLike | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier !== undefined && ts.isStringLiteralLike(node.moduleSpecifier)
      ? node.moduleSpecifier
      : undefined;
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return ts.isStringLiteralLike(node.argument.literal) ? node.argument.literal : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const [argument] = node.arguments;
    return argument !== undefined && ts.isStringLiteralLike(argument) ? argument : undefined;
  }
  return undefined;
}

function readImport(
  path: string,
  node: ts.Node,
  specifier: ts.StringLiteralLike,
  line: number,
): Import {
  const isRelative = specifier.text.startsWith(".");
  const elements = namedElements(node);
  const values = elements.filter((element) => !element.isTypeOnly);
  const isTypeOnly =
    ts.isImportTypeNode(node) ||
    (ts.isImportDeclaration(node) &&
      node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword) ||
    (ts.isExportDeclaration(node) && node.isTypeOnly) ||
    (elements.length > 0 && values.length === 0);
  return {
    target: isRelative ? posix.join(posix.dirname(path), specifier.text) : specifier.text,
    isRelative,
    isTypeOnly,
    valueNames: isTypeOnly ? [] : values.map(offeredName),
    line,
  };
}

/** The name by which the other file offers it, or, for an export-from, by which this one does. */
function offeredName(element: ts.ImportSpecifier | ts.ExportSpecifier): string {
  if (ts.isExportSpecifier(element)) return element.name.text;
  return (element.propertyName ?? element.name).text;
}

function namedElements(node: ts.Node): readonly (ts.ImportSpecifier | ts.ExportSpecifier)[] {
  if (ts.isExportDeclaration(node)) {
    return node.exportClause !== undefined && ts.isNamedExports(node.exportClause)
      ? node.exportClause.elements
      : [];
  }
  if (!ts.isImportDeclaration(node)) return [];
  const bindings = node.importClause?.namedBindings;
  // A default import beside the names is a value, so the names alone do not make it type-only.
  if (bindings === undefined || !ts.isNamedImports(bindings)) return [];
  return node.importClause?.name === undefined ? bindings.elements : [];
}

function isWholeLiteral(node: ts.Node): node is ts.StringLiteralLike | ts.TemplateExpression {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

function isLiteralPart(node: ts.Node): boolean {
  return (
    ts.isStringLiteralLike(node) ||
    ts.isTemplateHead(node) ||
    ts.isTemplateMiddleOrTemplateTail(node) ||
    ts.isRegularExpressionLiteral(node) ||
    ts.isJsxText(node)
  );
}

function literalText(node: ts.StringLiteralLike | ts.TemplateExpression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  return node.head.text + node.templateSpans.map((span) => "${}" + span.literal.text).join("");
}

/** Line breaks stay, so that lines and columns of the rest do not move. */
function blank(text: string, nodes: readonly ts.Node[], ast: ts.SourceFile): string {
  const parts: string[] = [];
  let done = 0;
  for (const node of nodes.toSorted((a, b) => a.getStart(ast) - b.getStart(ast))) {
    const start = node.getStart(ast);
    parts.push(text.slice(done, start), text.slice(start, node.end).replace(/[^\n]/g, " "));
    done = node.end;
  }
  return parts.join("") + text.slice(done);
}
