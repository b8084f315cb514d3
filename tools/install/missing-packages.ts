import { readFileSync } from "node:fs";
import { join } from "node:path";

/** An entry of a lock file, as far as it is of interest here. */
interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}

type LockedPackages = Readonly<Record<string, LockedPackage>>;

/**
 * The paths of packages that package-lock.json wants and node_modules does not have, or has in
 * another version, by npm's own list of what it has installed there.
 */
export function missingPackages(root: string): string[] {
  const wanted = readPackages(join(root, "package-lock.json"));
  const installed = readPackages(join(root, "node_modules/.package-lock.json"));
  return Object.keys(wanted).filter((path) => {
    const entry = wanted[path];
    const found = installed[path];
    if (path === "" || entry === undefined) return false;
    if (found === undefined) return isNeededHere(entry);
    return found.version !== entry.version || found.integrity !== entry.integrity;
  });
}

/**
 * An optional package belongs to other platforms, or (without a platform) to one of those; npm
 * leaves both out. Linux here means glibc: bootstrap.mjs refuses the rest.
 */
function isNeededHere({ optional, os, cpu, libc }: LockedPackage): boolean {
  if (optional !== true) return true;
  if (os === undefined || !os.includes(process.platform)) return false;
  if (cpu !== undefined && !cpu.includes(process.arch)) return false;
  return libc === undefined || libc.includes("glibc");
}

function readPackages(path: string): LockedPackages {
  try {
    const lock: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof lock !== "object" || lock === null || !("packages" in lock)) return {};
    return lock.packages as LockedPackages;
  } catch {
    return {};
  }
}
