/** The plans that PostgreSQL has really run for the platform's own statements, from its log. */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import type pg from "pg";

/** For connections that are opened from now on. */
export async function logPlans(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>("select current_database() as name");
  const settings = {
    session_preload_libraries: "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
  };
  for (const [name, value] of Object.entries(settings)) {
    await client.query(`alter database ${rows[0]?.name} set ${name} = '${value}'`);
  }
}

export function endOfLog(path: string): number {
  return statSync(path).size;
}

/** What was logged since; the sign-in and the like are left out. */
export function plansSince(path: string, start: number): string[] {
  const size = statSync(path).size;
  const bytes = Buffer.alloc(Math.max(0, size - start));
  const fd = openSync(path, "r");
  try {
    readSync(fd, bytes, 0, bytes.length, start);
  } finally {
    closeSync(fd);
  }
  // A line of the log begins with its time; all others belong to the one before.
  return bytes
    .toString()
    .split(/^(?=\d{4}-\d\d-\d\d )/m)
    .filter((entry) => /tongbao .*plan:/.test(entry))
    .map((entry) =>
      entry
        .replaceAll(/^\t/gm, "")
        .replace(/^.*? plan:\n/, "")
        .trim(),
    )
    .filter((plan) => /\b(orders|ledger)\./.test(plan));
}
