import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { superuser } from "./cluster.ts";
import type { Connection } from "./cluster.ts";

/** The system keeps a socket's path in so many bytes: 108 on Linux, 104 on macOS, one of them 0. */
const socketPathBytesMax = 103;
const socketPrefix = ".s.PGSQL.";
const portMax = 65_535;

/**
 * The folder for PostgreSQL's socket in the file system, which spares both sides the network's
 * layers; undefined where the folder's path is too long for one, or means something else in
 * PostgreSQL's list of folders.
 */
export function socketFolder(directory: string): string | undefined {
  const longest = join(directory, `${socketPrefix}${portMax}`);
  const fits = Buffer.byteLength(longest) <= socketPathBytesMax;
  return fits && !/[,"]/.test(directory) ? directory : undefined;
}

/** A crash leaves its socket behind, with a lock that names a process id of anybody's by now. */
export function removeSockets(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (name.startsWith(socketPrefix)) rmSync(join(directory, name), { force: true });
  }
}

/**
 * libpq and its kin go to the folder that `host` names, by the port's number. Who knows TCP only
 * finds that in its usual place.
 */
export function urlOf(
  { port, password }: Connection,
  database: string,
  socket: string | undefined,
): string {
  const url = new URL(`postgresql://${superuser}:${password}@127.0.0.1:${port}/${database}`);
  if (socket !== undefined) url.searchParams.set("host", socket);
  return url.href;
}
