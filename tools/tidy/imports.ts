import type { Place } from "./house.ts";
import { impureKernelNames, placeOf, pureKernelFiles, sharedChannel, storeys } from "./house.ts";
import type { Rule } from "./rules.ts";
import type { Import, Source, Tree, Violation } from "./tree.ts";

/** What stands against an import: the rule and one sentence that says what is allowed. */
interface Objection {
  readonly rule: Rule;
  readonly message: string;
}

/** Who may import what: storeys, doors, zones; then that nothing goes round in a circle. */
export function checkImports(tree: Tree): Violation[] {
  return [...tree.sources.flatMap(judgeSource), ...findCycles(tree)];
}

function judgeSource(source: Source): Violation[] {
  const from = placeOf(source.path);
  const found: Violation[] = [];
  for (const entry of source.imports) {
    if (!entry.isRelative) continue;
    const objection = judge(source, from, entry);
    if (objection !== undefined) found.push({ path: source.path, line: entry.line, ...objection });
  }
  return found;
}

function judge(source: Source, from: Place, entry: Import): Objection | undefined {
  const to = placeOf(entry.target);
  const isProduct = /^(server|simulator|sdk)\//.test(source.path) && !source.isTest;
  if (isProduct && entry.target.includes("/testing/")) {
    return { rule: "zone", message: "only tests stand on what is in testing" };
  }
  if (to.zone === "module") {
    const objection = judgeDoor(source, from, to, entry.target);
    if (objection !== undefined) return objection;
  }
  if (from.zone === "module" && to.zone === "module") return judgeStorey(source, from, to, entry);
  if (isAllowed(source, from, to, entry.target)) return undefined;
  return { rule: "zone", message: `${nameOf(from)} must not import ${entry.target}` };
}

type ModulePlace = Place & { readonly zone: "module" };

/** Other modules are reached through index.ts, their api and reactions by wiring.ts alone. */
function judgeDoor(
  source: Source,
  from: Place,
  to: ModulePlace,
  target: string,
): Objection | undefined {
  const isEntrance = to.room === "api" || to.room === "reactions";
  const isInside = from.zone === "module" && from.module === to.module;
  if (isInside) {
    if (!isEntrance || from.room === to.room || source.isTest) return undefined;
    return { rule: "wiring", message: `only server/wiring.ts imports ${to.room} of a module` };
  }
  if (isEntrance) {
    if (source.path === "server/wiring.ts") return undefined;
    return { rule: "wiring", message: `only server/wiring.ts imports ${to.room} of a module` };
  }
  if (target === `server/modules/${to.module}/index.ts`) return undefined;
  // What only tests of other modules need stands behind a door of its own.
  if (source.isTest && target.endsWith("/testing/door.ts")) return undefined;
  // The plug is what channels are built against, so it has a door of its own to them.
  if (to.room === "plug" && from.zone === "channels") return undefined;
  return { rule: "door", message: `modules/${to.module} is reached through its index.ts` };
}

/** Calls go down, events go up: reactions may know the type of an event from above. */
function judgeStorey(
  source: Source,
  from: ModulePlace,
  to: ModulePlace,
  entry: Import,
): Objection | undefined {
  if (from.module === to.module || source.isTest) return undefined;
  if ((storeys.get(to.module) ?? 0) < (storeys.get(from.module) ?? 0)) return undefined;
  if (from.room === "reactions" && entry.isTypeOnly) return undefined;
  return {
    rule: "storey",
    message: `modules/${from.module} calls lower storeys only, modules/${to.module} is not lower`,
  };
}

/** Imports across zones; those between modules are judged before. */
function isAllowed(source: Source, from: Place, to: Place, target: string): boolean {
  switch (from.zone) {
    case "kernel":
      return to.zone === "kernel" || isTestSupport(source, to);
    case "module":
      return to.zone === "kernel" || target === "server/refusals.ts" || isTestSupport(source, to);
    case "channels":
      if (isTestSupport(source, to)) return true;
      if (to.zone === "channels") return [from.channel, sharedChannel].includes(to.channel);
      if (to.zone === "module") return to.module === "payments";
      return to.zone === "kernel";
    case "root":
      return isAllowedForRoot(source, to);
    case "simulator":
      return to.zone === from.zone;
    case "sdk":
      // Its tests call a real server; what is shipped stands on nothing.
      return to.zone === from.zone || source.isTest;
    case "bench":
      return isAllowedForBench(source, to, target);
    case "console":
    case "storefront":
    case "e2e":
      return to.zone === from.zone || to.zone === "sdk";
    default:
      return true;
  }
}

/** It looks at the platform from outside, but for the edge, which is the platform's own. */
function isAllowedForBench(source: Source, to: Place, target: string): boolean {
  if (["bench", "sdk", "kernel", "simulator"].includes(to.zone)) return true;
  const isEdge = source.path.startsWith("bench/edge/");
  return isEdge && [identityDoor, "server/refusals.ts"].includes(target);
}

const identityDoor = "server/modules/identity/index.ts";

/** Tests of the server may start it and let the simulator play the world outside. */
function isTestSupport(source: Source, to: Place): boolean {
  return source.isTest && ["root", "module", "channels", "simulator", "sdk"].includes(to.zone);
}

/** wiring.ts knows everything of the server, its neighbours less, refusals.ts only the kernel. */
function isAllowedForRoot(source: Source, to: Place): boolean {
  if (isTestSupport(source, to)) return true;
  if (source.path === "server/wiring.ts") {
    return to.zone === "module" || to.zone === "channels" || isGround(to);
  }
  if (source.path === "server/refusals.ts" || source.path === "server/settings.ts") {
    return to.zone === "kernel";
  }
  return to.zone === "module" || isGround(to);
}

function isGround(to: Place): boolean {
  return to.zone === "kernel" || to.zone === "root" || to.zone === "migrations";
}

function nameOf(place: Place): string {
  if (place.zone === "module") return `modules/${place.module}`;
  if (place.zone === "channels") return `channels/${place.channel}`;
  return place.zone === "root" ? `server/${place.file}` : place.zone;
}

/** Depth first over all files; a file met again while it is still open closes a cycle. */
function findCycles(tree: Tree): Violation[] {
  const byPath = new Map(tree.sources.map((source) => [source.path, source]));
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const found: Violation[] = [];
  const visit = (source: Source): void => {
    state.set(source.path, "open");
    trail.push(source.path);
    for (const entry of source.imports) {
      const next = entry.isRelative ? byPath.get(entry.target) : undefined;
      if (next === undefined || state.get(next.path) === "done") continue;
      if (state.get(next.path) === undefined) {
        visit(next);
        continue;
      }
      const circle = [...trail.slice(trail.indexOf(next.path)), next.path].join(" -> ");
      found.push({ path: source.path, line: entry.line, rule: "cycle", message: circle });
    }
    trail.pop();
    state.set(source.path, "done");
  };
  for (const source of tree.sources) if (state.get(source.path) === undefined) visit(source);
  return found;
}

/**
 * The imports of a domain: types from anywhere, values from pure kernel files, from its own room,
 * and from what another module's index takes out of that module's domain.
 */
export function isPureImport(tree: Tree, source: Source, entry: Import): boolean {
  if (entry.isTypeOnly) return true;
  if (!entry.isRelative) return isHashing(entry);
  if (entry.target === "server/refusals.ts") return true;
  if (pureKernelFiles.has(entry.target)) {
    return !entry.valueNames.some((name) => impureKernelNames.has(name));
  }
  const from = placeOf(source.path);
  const to = placeOf(entry.target);
  if (from.zone !== "module" || to.zone !== "module") return false;
  if (to.module === from.module) return to.room === "domain" || to.room === "plug";
  return entry.valueNames.every((name) => isFromDomain(tree, entry.target, name));
}

/** Hashing is arithmetic: the same bytes give the same answer. */
function isHashing(entry: Import): boolean {
  if (entry.target !== "node:crypto") return false;
  const hashing = new Set(["createHash", "createHmac", "hash", "timingSafeEqual"]);
  return entry.valueNames.length > 0 && entry.valueNames.every((name) => hashing.has(name));
}

function isFromDomain(tree: Tree, indexPath: string, name: string): boolean {
  const index = tree.sources.find((source) => source.path === indexPath);
  if (index === undefined) return true;
  return index.imports.some((entry) => {
    const place = placeOf(entry.target);
    return place.zone === "module" && place.room === "domain" && entry.valueNames.includes(name);
  });
}
