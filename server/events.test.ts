/** The list of event types against the modules' own code, as the compiler reads it. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { assert } from "./kernel/assert.ts";
import { eventTypes } from "./events.ts";

const root = resolve(import.meta.dirname, "..");

test("the list has every type of event that a module emits, and no other", () => {
  const emitted = typesEmitted(moduleProgram());
  // Of every way to write one: a plain literal, one of two, one for each state, a parameter.
  for (const type of ["order_placed", "stock_written_off", "order_closing", "refund_abnormal"])
    expect(emitted).toContain(type);
  expect([...emitted].toSorted()).toEqual(Object.keys(eventTypes).toSorted());
});

test("a reader of the API finds every type and what it tells", () => {
  const document = JSON.parse(readFileSync(join(root, "openapi.json"), "utf8"));
  const { description } = document.paths["/v1/events"].get;
  for (const [type, meaning] of Object.entries(eventTypes))
    expect(description).toContain(`| \`${type}\` | ${meaning} |`);
});

function moduleProgram(): ts.Program {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  return ts.createProgram([join(root, "server/wiring.ts")], options);
}

/**
 * What modules emit is an object of a `type` and its `data`. Nothing else is such a one, but for
 * those that were read from the log, which are cast.
 */
function typesEmitted(program: ts.Program): Set<string> {
  const checker = program.getTypeChecker();
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    const isNew = ts.isObjectLiteralExpression(node) && !ts.isAsExpression(node.parent);
    const type = isNew ? eventTypeIn(node) : undefined;
    if (type !== undefined) {
      const names = literalsOf(checker.getTypeAtLocation(type));
      assert(
        names !== undefined,
        `${node.getSourceFile().fileName} names its event: ${node.getText()}`,
      );
      for (const name of names) found.add(name);
    }
    ts.forEachChild(node, visit);
  };
  const modules = join(root, "server/modules/");
  for (const source of program.getSourceFiles())
    if (source.fileName.startsWith(modules)) visit(source);
  return found;
}

function eventTypeIn({ properties }: ts.ObjectLiteralExpression): ts.Node | undefined {
  const names = properties.map(({ name }) => name?.getText());
  if (names.toSorted().join() !== "data,type") return undefined;
  const type = properties[names.indexOf("type")];
  return type !== undefined && ts.isPropertyAssignment(type) ? type.initializer : type?.name;
}

/** Undefined for any other text. */
function literalsOf(type: ts.Type): string[] | undefined {
  const types = type.isUnion() ? type.types : [type];
  const names = types.flatMap((each) => (each.isStringLiteral() ? [each.value] : []));
  return names.length === types.length ? names : undefined;
}
