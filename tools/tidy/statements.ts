import ts from "typescript";
import { kernelSchemas, placeOf, storeys, topStorey } from "./house.ts";
import { isVolatile, tenantTables } from "./migrations.ts";
import type { Rule } from "./rules.ts";
import type { Block, Statement, Token } from "./sql.ts";
import { blocksOf, namedParts, readStatements, relationsOf, sqlCaseOf } from "./sql.ts";
import type { Literal, Source, Tree, Violation } from "./tree.ts";
import { walk } from "./tree.ts";

type Report = (rule: Rule, line: number, message: string) => void;

/** What a statement is checked against. */
interface Owner {
  /** Undefined for the kernel. */
  readonly module: string | undefined;
  readonly schemas: readonly string[];
  readonly tenantTables: ReadonlySet<string>;
}

/** SQL inside of sources: where it stands, what it names, that it keeps to its tenant. */
export function checkStatements(tree: Tree): Violation[] {
  const tables = tenantTables(tree);
  const found: Violation[] = [];
  const names = new Map<string, string>();
  for (const source of tree.sources) {
    if (!source.path.startsWith("server/") || source.isTest) continue;
    const report: Report = (rule, line, message) =>
      found.push({ path: source.path, line, rule, message });
    const literals = source.literals.filter((literal) => sqlCaseOf(literal) !== undefined);
    for (const literal of literals) {
      if (sqlCaseOf(literal) === "upper")
        report("sql-case", literal.line, "write SQL in lower case");
    }
    const owner = ownerOf(source, tables);
    if (owner === undefined) {
      for (const { line } of literals) report("store-sql", line, "SQL belongs into a store");
      continue;
    }
    for (const literal of literals) {
      checkLiteral(source, owner, literal, report);
    }
    checkNames(source, owner, names, report);
  }
  return found;
}

/** Modules have SQL in their store, the kernel anywhere; nobody else has any. */
function ownerOf(source: Source, tables: ReadonlySet<string>): Owner | undefined {
  const place = placeOf(source.path);
  if (place.zone === "kernel")
    return { module: undefined, schemas: kernelSchemas, tenantTables: tables };
  if (place.zone !== "module" || place.room !== "store") return undefined;
  return { module: place.module, schemas: [place.module], tenantTables: tables };
}

function checkLiteral(source: Source, owner: Owner, literal: Literal, report: Report): void {
  if (owner.module !== undefined) checkHoles(source, literal, report);
  for (const statement of readStatements(literal.text, literal.line)) {
    if (/^(create|alter|drop)$/.test(statement.tokens[0]?.text ?? "")) continue;
    checkSchemas(statement, owner, report);
    checkTenant(statement, owner, report);
    if (owner.module !== undefined) checkWords(statement, report);
  }
}

/** What fills a template is a constant, of this file or imported, never a value of a request. */
function checkHoles(source: Source, { node }: Literal, report: Report): void {
  if (!ts.isTemplateExpression(node)) return;
  const constants = constantNames(source.ast);
  for (const span of node.templateSpans) {
    const { expression } = span;
    if (ts.isIdentifier(expression) && constants.has(expression.text)) continue;
    if (isComposedAtImport(source, expression)) continue;
    report("sql-parameters", source.lineOf(expression), "send this as a parameter");
  }
}

/** Inside of a function that is called while the file is read, and never later. */
function isComposedAtImport(source: Source, hole: ts.Node): boolean {
  const composer = ts.findAncestor(hole, ts.isFunctionDeclaration);
  if (composer?.name === undefined || composer.modifiers !== undefined) return false;
  const name = composer.name.text;
  let isCalledLater = false;
  walk(source.ast, (node) => {
    if (!ts.isIdentifier(node) || node.text !== name || node === composer.name) return;
    if (ts.findAncestor(node, ts.isFunctionLike) !== undefined) isCalledLater = true;
  });
  return !isCalledLater;
}

function constantNames(ast: ts.SourceFile): Set<string> {
  const names = new Set<string>();
  for (const statement of ast.statements) {
    if (ts.isVariableStatement(statement) && statement.declarationList.flags & ts.NodeFlags.Const) {
      for (const { name } of statement.declarationList.declarations) {
        if (ts.isIdentifier(name)) names.add(name.text);
      }
    }
    if (!ts.isImportDeclaration(statement)) continue;
    const bindings = statement.importClause?.namedBindings;
    if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
    for (const { name } of bindings.elements) names.add(name.text);
  }
  return names;
}

function checkSchemas(statement: Statement, owner: Owner, report: Report): void {
  const { tokens } = statement;
  const parts = namedParts(tokens);
  for (const { schema, name, line } of blocksOf(tokens).flatMap(relationsOf)) {
    // The catalogue of PostgreSQL is found without its schema.
    if (schema !== undefined || parts.has(name) || name.startsWith("pg_")) continue;
    report("own-schema", line, `write ${owner.schemas[0] ?? ""}.${name}`);
  }
  tokens.forEach(({ kind, text, line }, at) => {
    if (kind !== "word" || tokens[at + 1]?.text !== "." || owner.schemas.includes(text)) return;
    if (!storeys.has(text) && !kernelSchemas.includes(text)) return;
    report("own-schema", line, `${text} is the schema of another; ask its index.ts`);
  });
}

function checkWords({ tokens }: Statement, report: Report): void {
  for (const { kind, text, line } of tokens) {
    if (kind !== "word") continue;
    if (isVolatile(text)) report("sql-clock", line, `${text}: send the value as a parameter`);
    if (/^pg_(try_)?advisory/.test(text)) report("row-locks", line, `${text}: lock a row instead`);
    if (text === "pg_notify") report("row-locks", line, "pg_notify makes commits wait in line");
  }
}

/** One tenant a statement, told by a scalar: joins alone would leave the choice to the planner. */
function checkTenant(statement: Statement, owner: Owner, report: Report): void {
  const blocks = blocksOf(statement.tokens);
  for (const block of blocks) {
    checkFixed(block, report);
    checkInserts(block, owner, report);
  }
  if (looksAcross(statement, owner, report)) return;
  const reading = blocks.filter((block) => readsTenantTable(block, owner));
  if (reading.length === 0) return;
  if (!statement.tokens.some((_, at) => isScalarComparison(statement.tokens, at))) {
    report("tenant-statement", statement.line, "the statement lacks tenant_id = $1");
    return;
  }
  for (const { tokens } of reading) {
    if (tokens.some((_, at) => isComparison(tokens, at))) continue;
    report("tenant-statement", tokens[0]?.line ?? statement.line, "this part lacks tenant_id =");
  }
}

/** The age of the oldest row in each state, for the metrics: nobody's row is shown. */
const oldestInStates =
  /^select (\w+ \. )?state , min \( (\w+ \. )?\w+ \) as since from .* group by /;

/**
 * Three kinds of statement may look across tenants: one that gives tenant ids and nothing else, for
 * those who then go from tenant to tenant; one that gives the oldest time in each state; and, in
 * the kernel and on the top storey, one that says why in a comment: `-- across tenants: <reason>`.
 */
function looksAcross({ tokens, acrossTenants }: Statement, owner: Owner, report: Report): boolean {
  const words = tokens.map(({ text }) => text).join(" ");
  if (/^select (distinct )?(\w+ \. )?tenant_id from /.test(words)) return true;
  if (oldestInStates.test(words)) return true;
  if (acrossTenants === undefined) return false;
  if (owner.module === undefined || storeys.get(owner.module) === topStorey) return true;
  const line = tokens[0]?.line ?? 1;
  report("tenant-statement", line, "only the kernel and the top storey look across tenants");
  return true;
}

function readsTenantTable(block: Block, owner: Owner): boolean {
  return relationsOf(block).some(
    ({ schema, name, use }) => use === "read" && owner.tenantTables.has(`${schema ?? ""}.${name}`),
  );
}

function isScalarComparison(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.text !== "tenant_id") return false;
  if (tokens[at + 1]?.text === "=" && tokens[at + 2]?.kind === "parameter") return true;
  const before = startOfName(tokens, at) - 1;
  return tokens[before]?.text === "=" && tokens[before - 1]?.kind === "parameter";
}

function isComparison(tokens: readonly Token[], at: number): boolean {
  if (tokens[at]?.text !== "tenant_id") return false;
  if (tokens[at + 1]?.text === "=") return true;
  const before = startOfName(tokens, at) - 1;
  if (tokens[before]?.text === "=") return true;
  return tokens[at - 1]?.text === "(" && tokens[at - 2]?.text === "using";
}

/** `o.tenant_id` starts two tokens earlier. */
function startOfName(tokens: readonly Token[], at: number): number {
  return tokens[at - 1]?.text === "." ? at - 2 : at;
}

function checkFixed({ tokens }: Block, report: Report): void {
  let inSet = false;
  tokens.forEach(({ text, line }, at) => {
    if (text === "set") inSet = true;
    if (/^(where|from|returning)$/.test(text)) inSet = false;
    const isTarget = /^(set|,)$/.test(tokens[at - 1]?.text ?? "") && tokens[at + 1]?.text === "=";
    if (inSet && text === "tenant_id" && isTarget) {
      report("tenant-fixed", line, "a row never moves to another tenant");
    }
  });
}

/** Columns are named, tenant_id first, and its value is one parameter for the whole statement. */
function checkInserts(block: Block, owner: Owner, report: Report): void {
  const { tokens } = block;
  for (const { schema, name, use, line, end } of relationsOf(block)) {
    if (use !== "insert" || !owner.tenantTables.has(`${schema ?? ""}.${name}`)) continue;
    const bracket = tokens.findIndex(({ text }, at) => at >= end && text === "(");
    if (tokens[bracket + 1]?.text !== "tenant_id") {
      report("tenant-statement", line, "name the columns of the insert, tenant_id first");
      continue;
    }
    const source = tokens.findIndex(
      ({ text }, at) => at > bracket && (text === "values" || text === "select"),
    );
    const value = tokens[source + (tokens[source]?.text === "values" ? 2 : 1)];
    const isOfRow = /^(\w+ \. )?tenant_id /.test(textFrom(tokens, source + 1));
    if (source < 0 || value?.kind === "parameter" || isOfRow) continue;
    report("tenant-statement", value?.line ?? line, "the tenant of an insert is a parameter");
  }
}

function textFrom(tokens: readonly Token[], at: number): string {
  const texts = tokens.slice(at, at + 4).map(({ text }) => text);
  return `${texts.join(" ")} `;
}

/** `statement("orders.load_orders", …)`: PostgreSQL knows one text by one name a connection. */
function checkNames(
  source: Source,
  owner: Owner,
  names: Map<string, string>,
  report: Report,
): void {
  walk(source.ast, (node) => {
    if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression)) return;
    if (node.expression.text !== "statement") return;
    const [first] = node.arguments;
    if (first === undefined || !ts.isStringLiteralLike(first)) return;
    const line = source.lineOf(first);
    const prefix = owner.module ?? "kernel";
    if (!first.text.startsWith(`${prefix}.`)) {
      report("statement-name", line, `name it ${prefix}.<what>`);
    }
    const earlier = names.get(first.text);
    if (earlier !== undefined) report("statement-name", line, `the name is taken in ${earlier}`);
    names.set(first.text, source.path);
  });
}
