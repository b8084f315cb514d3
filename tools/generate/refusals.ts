import type { RefusalEntry } from "../../server/kernel/refusal.ts";
import { titlesOf } from "../../server/kernel/refusal.ts";
import { remedies } from "../../server/kernel/refusals-page.ts";
import { refusals } from "../../server/refusals.ts";

const head = `# Refusals

Generated from \`server/refusals.ts\` by \`npm run generate\`.

A refusal is an answer: what was asked is not allowed by a rule. It comes as
\`application/problem+json\` (RFC 9457) with a stable \`code\` and the facts behind it, and it leaves
nothing half done. \`{name}\` in a title is filled in with the fact of that name; where a code has
several titles, the facts say which.

The title says what to do; who does it follows from the status:

| status | who acts |
| --- | --- |
${remedies.map(({ statuses, remedy }) => `| ${statuses.join(", ")} | ${remedy} |`).join("\n")}
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
