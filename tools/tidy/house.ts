/**
 * The plan of the house as tables: what stands where, and who may call whom. ARCHITECTURE.md says
 * why; the rules beside this file only compare the tree with these tables.
 */

/** A module calls modules of lower storeys only. Modules of one storey do not know each other. */
export const storeys: ReadonlyMap<string, number> = new Map([
  ["ledger", 1],
  ["identity", 1],
  ["audit", 1],
  ["media", 1],
  ["notifications", 1],
  ["members", 2],
  ["catalog", 2],
  ["coupons", 2],
  ["venues", 2],
  ["content", 2],
  ["wallet", 2],
  ["sales", 3],
  ["payments", 3],
  ["pricing", 3],
  ["approvals", 3],
  ["orders", 4],
  ["booking", 4],
  ["billing", 4],
  ["withdrawals", 4],
  ["campaigns", 4],
  ["attribution", 5],
  ["settlement", 5],
  ["reconciliation", 5],
  ["search", 5],
  ["insights", 5],
  ["archive", 5],
]);

/** Modules of this storey look at all others, across tenants too, and are called by none. */
export const topStorey = 5;

/** The same six rooms in every module: a file of that name, or, when too long, a folder. */
const rooms = ["index", "domain", "store", "operations", "api", "reactions"];

/** Payments has a seventh: the plug that channels are built against. */
const extraRooms: ReadonlyMap<string, readonly string[]> = new Map([["payments", ["plug"]]]);

export function roomsOf(module: string): readonly string[] {
  return [...rooms, ...(extraRooms.get(module) ?? [])];
}

/** Kernel files without I/O: what a domain may call. */
export const pureKernelFiles: ReadonlySet<string> = new Set(
  ["assert", "calendar", "ids", "machine", "memoize", "money", "numbers", "refusal", "time"].map(
    (name) => `server/kernel/${name}.ts`,
  ),
);

/** What those files offer to the shell only: the clock and the sources of randomness. */
export const impureKernelNames: ReadonlySet<string> = new Set([
  "systemClock",
  "cryptoFill",
  "createIds",
  "createNumbers",
]);

/** Who may ask this machine what time it is, each with its reason. */
export const systemTimeReaders: ReadonlyMap<string, string> = new Map([
  ["server/kernel/time.ts", "defines the system's clock, for programs without a database"],
  ["server/kernel/database-clock.ts", "tells by how much the system's clock is wrong"],
  ["server/kernel/log.ts", "lines of all programs of a machine are sorted by the machine's time"],
]);

/** Tables that belong to the database and not to a tenant, each with its reason. */
export const tablesOfTheDatabase: ReadonlyMap<string, string> = new Map([
  ["migrations.applied", "what this database has seen, before any tenant exists"],
]);

/** A module has the schema of its name. The kernel also keeps the books of migrations and jobs. */
export const kernelSchemas: readonly string[] = ["kernel", "migrations", "graphile_worker"];

/** What all channels need to speak over a wire: it knows no channel, every channel may use it. */
export const sharedChannel = "wire";

/** Written by `npm run generate`: checked by its `--check`, not by the rules of style. */
const generated = new Set([
  "openapi.json",
  "docs/operating/machines.md",
  "docs/refusals.md",
  "server/migrations/schema.sql",
]);
const generatedFolders = ["sdk/generated/"];

export function isGenerated(path: string): boolean {
  return generated.has(path) || generatedFolders.some((folder) => path.startsWith(folder));
}

/** Lines a function, lines a file, columns a line. */
export const functionLinesMax = 70;
export const fileLinesMax = 500;
export const columnsMax = 100;

/** Names that say nothing about what is inside. */
export const emptyNames: ReadonlySet<string> = new Set([
  "utils",
  "util",
  "helpers",
  "helper",
  "common",
  "manager",
  "data",
  "info",
]);

/** Where a file stands. Every path has one place; `room` and `module` only inside of modules. */
export type Place =
  | { readonly zone: "module"; readonly module: string; readonly room: string }
  | { readonly zone: "channels"; readonly channel: string }
  | { readonly zone: "root"; readonly file: string }
  | { readonly zone: "kernel" | "migrations" }
  | { readonly zone: Outside | "elsewhere" };

const outsideZones = [
  "console",
  "storefront",
  "simulator",
  "sdk",
  "bench",
  "e2e",
  "tools",
  "docs",
] as const;
export type Outside = (typeof outsideZones)[number];

/** `server/modules/orders/store/lines.test.ts` stands in room `store` of module `orders`. */
export function placeOf(path: string): Place {
  const [top = "", second = "", third = "", fourth = ""] = path.split("/");
  if (top === "server" && second === "modules") {
    return { zone: "module", module: third, room: withoutEnding(fourth) };
  }
  if (top === "server" && second === "channels") {
    return { zone: "channels", channel: withoutEnding(third) };
  }
  if (top === "server" && (second === "kernel" || second === "migrations")) return { zone: second };
  if (top === "server") return { zone: "root", file: second };
  const outside = outsideZones.find((zone) => zone === top);
  return { zone: outside ?? "elsewhere" };
}

function withoutEnding(name: string): string {
  return name.split(".")[0] ?? name;
}
