import type { RefusalEntry } from "../../server/kernel/refusal.ts";
import { titlesOf } from "../../server/kernel/refusal.ts";
import { refusals } from "../../server/refusals.ts";

const head = `# Refusals

Generated from \`server/refusals.ts\` by \`npm run generate\`.

A refusal is an answer: what was asked is not allowed by a rule. It comes as
\`application/problem+json\` (RFC 9457) with a stable \`code\` and the facts behind it, and it leaves
nothing half done. \`{name}\` in a title is filled in with the fact of that name; where a code has
several titles, the facts say which.

What to do follows from the status:

| status | who acts |
| --- | --- |
| 400, 413, 415, 422 | the caller's program: the request itself must change |
| 401, 403 | whoever gives out tokens and scopes |
| 404 | the caller: the id is wrong, or belongs to another tenant |
| 409 | the caller: the thing is in another state; read it again, then decide |
| 429, 503 | nobody: send the same request again after \`Retry-After\` |
`;

/** One table, by status, so that what has the same remedy stands together. */
export function refusalsDocument(): Promise<string> {
  const entries: [string, RefusalEntry][] = Object.entries(refusals);
  const rows = entries
    .toSorted(([, a], [, b]) => a.status - b.status)
    .map(
      ([code, entry]) =>
        `| \`${code}\` | ${entry.status} | ${titlesOf(entry).map(escaped).join("<br>")} |`,
    );
  const table = ["| code | status | title |", "| --- | --- | --- |", ...rows].join("\n");
  return Promise.resolve(`${head}\n${table}\n`);
}

function escaped(text: string): string {
  return text.replaceAll("<", "\\<");
}
