/** Every rule once, with what it asks for. The canaries of tidy.test.ts plant each violation. */
export const rules = {
  // Storeys and doors
  storey: "a module calls lower storeys only; reactions may know event types from above",
  door: "a module is reached through its index.ts",
  wiring: "only server/wiring.ts imports api and reactions",
  zone: "kernel, channels, simulator, sdk, screens and bench know only what they may know",
  cycle: "no imports in a circle",
  // Rooms
  module: "a module stands in the table of storeys",
  room: "the same six rooms in every module",
  "pure-domain": "domain has no await, clock, randomness, environment or I/O",
  "index-face": "index.ts: three lines on what the module is for, then named re-exports only",
  "kernel-words": "the kernel knows no business word",
  "one-clock": "in the server all times come from the clock that is given: the database's",
  // SQL
  "store-sql": "SQL stands in store only",
  "own-schema": "SQL names tables of the own schema, as schema.table",
  "sql-case": "SQL is written in lower case",
  "sql-parameters": "values reach SQL as parameters",
  "sql-clock": "times and ids are parameters of SQL",
  "row-locks": "locks that correctness rests on are row locks; waking is not the database's work",
  "statement-name": "a prepared statement is named after its owner, once in the program",
  "tenant-statement": "every statement has tenant_id = $1 beside its joins",
  "tenant-fixed": "tenant_id is never updated",
  // Migrations
  "tenant-table": "every table has tenant_id not null and a primary key",
  "tenant-first": "tenant_id is first in keys, unique indexes, exclusions and foreign keys",
  "no-identity": "no serial, identity or sequence",
  "no-trigger": "no triggers",
  "no-volatile-default": "no default that gives another value on every call",
  // Types and syntax
  "no-any": "no any",
  "no-non-null": "no ! where the compiler wants a proof",
  "no-double-cast": "no cast through unknown",
  "no-enum": "no enum; a union of literals",
  "no-decorator": "no decorators",
  "no-default-export": "named exports only, except where a tool's configuration asks for default",
  "no-export-star": "no export *",
  "no-suppression": "no comment that silences the compiler or the linter",
  // Form
  "file-length": "at most 500 lines a file",
  "function-length": "at most 70 lines a function, nested functions counted for themselves",
  columns: "at most 100 columns a line; long literals and addresses are excused",
  "file-name": "a file's name says what is inside",
  "no-todo": "no notes of work left; what is not done is not there",
  "no-dead-code": "no commented-out code",
  "own-words": "the project speaks of itself alone",
  // Tests
  "no-skipped-test": "no test is put aside or run alone",
  "no-mock": "no mocks of our own code",
  // Packages and documents
  pinned: "exact versions in package.json",
  "lock-hosts": "the lock file names no registry",
  "dependency-reason": "every dependency has a line with its reason in docs/decisions",
  "document-paths": "paths that documents name exist",
  "refusals-listed": "docs/refusals.md lists the codes of server/refusals.ts, no more and no less",
  // Debt
  debt: "a list of debt names only what is still owed",
} as const;

export type Rule = keyof typeof rules;
