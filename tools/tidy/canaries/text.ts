import type { Canary } from "./canary.ts";

const migration = "server/migrations/0003_more.sql";
const kernelFile = "server/kernel/planted.ts";

/** Cut in two, so that this file does not break the rules that it plants. */
const unfinished = ["TO", "DO"].join("");
const silencer = ["@ts-", "ignore"].join("");
const elsewhere = ["/wo", "rk/"].join("");

export const syntaxCanaries: readonly Canary[] = (
  [
    ["no-any", "any", "export type Loose = any;"],
    ["no-non-null", "!", "export const first = [1][0]!;"],
    ["no-non-null", "a variable without a value", "let late!: number;\nexport { late };"],
    ["no-double-cast", "as unknown as", "export const two = 1 as unknown as string;"],
    ["no-enum", "an enum", "export enum Kind {\n  One,\n}"],
    ["no-decorator", "a decorator", "@sealed\nexport class Box {}"],
    ["no-default-export", "export default of a value", "export default 1;"],
    ["no-default-export", "a default function", "export default function run(): void {}"],
    ["no-export-star", "export *", `export * from "./time.ts";`],
    ["no-suppression", "a silenced compiler", `// ${silencer}\nexport const one = 1;`],
    ["no-todo", "a note of work left", `// ${unfinished}: more\nexport const one = 1;`],
    ["no-dead-code", "a statement put aside", "// const two = 2;\nexport const one = 1;"],
    ["no-dead-code", "a call put aside", "/*\n * release(held);\n */\nexport const one = 1;"],
    ["own-words", "a path of a machine", `// See ${elsewhere}notes.\nexport const one = 1;`],
    ["columns", "a long comment", `// ${"long ".repeat(21)}\nexport const one = 1;`],
    ["columns", "long code", `export const total = ${"1 + ".repeat(25)}1;`],
    ["file-length", "501 lines", "export const one = 1;\n".padEnd(522, "\n")],
    ["function-length", "71 lines", `export function run(): void {${"\n".repeat(70)}}`],
  ] as const
).map(([rule, plant, content]) => ({ rule, plant, path: kernelFile, content: `${content}\n` }));

export const documentCanaries: readonly Canary[] = [
  {
    rule: "columns",
    plant: "a long line of SQL in a migration",
    path: migration,
    content: `-- ${"long ".repeat(21)}\n`,
  },
  {
    rule: "file-name",
    plant: "a file called utils",
    path: "server/kernel/utils.ts",
    content: "export const one = 1;\n",
  },
  {
    rule: "no-skipped-test",
    plant: "a test put aside",
    path: "server/kernel/time.test.ts",
    content: `import { test } from "vitest";\ntest.skip("tells the time", () => {});\n`,
  },
  {
    rule: "no-mock",
    plant: "a mock",
    path: "server/kernel/time.test.ts",
    content: `import { vi } from "vitest";\nvi.mock("./time.ts");\n`,
  },
  {
    rule: "pinned",
    plant: "a range of versions",
    path: "package.json",
    content: `{\n  "dependencies": {\n    "fastify": "^5.12.8"\n  }\n}\n`,
  },
  {
    rule: "lock-hosts",
    plant: "an address in the lock file",
    path: "package-lock.json",
    content: `{\n  "resolved": "https://packages.example/fastify.tgz"\n}\n`,
  },
  {
    rule: "dependency-reason",
    plant: "a dependency that nobody has argued for",
    path: "package.json",
    content: `{\n  "devDependencies": {\n    "left-pad": "1.3.0"\n  }\n}\n`,
  },
  {
    rule: "document-paths",
    plant: "a checklist that leads nowhere",
    path: "docs/checklists/adding-a-module.md",
    content: "Copy `server/modules/<module>/repository.ts`.\n",
  },
  {
    rule: "refusals-listed",
    plant: "a refusal that the document lacks",
    path: "docs/refusals.md",
    content: "# Refusals\n",
  },
  {
    rule: "refusals-listed",
    plant: "a refusal that is gone",
    path: "docs/refusals.md",
    content: "| `sold_out` | 409 | None. |\n| `lost` | 409 | Gone. |\n",
  },
  {
    rule: "debt",
    plant: "a debt that is paid",
    path: "tools/debt/no-any.txt",
    content: "server/kernel/time.ts\n",
  },
  {
    rule: "debt",
    plant: "a list for no rule",
    path: "tools/debt/no-fun.txt",
    content: "server/kernel/time.ts\n",
  },
];
