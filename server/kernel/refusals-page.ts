import { internalErrorTitle } from "./problem.ts";
import type { RefusalTable } from "./problem.ts";
import type { RefusalEntry } from "./refusal.ts";
import { titlesOf } from "./refusal.ts";

interface Remedy {
  readonly statuses: readonly number[];
  /** Who acts, and how. */
  readonly remedy: string;
}

/** Who acts follows from the status; a refusal's own title says what there is to do. */
export const remedies: readonly Remedy[] = [
  {
    statuses: [400, 413, 415, 422],
    remedy: "the caller's program: the request itself must change",
  },
  {
    statuses: [401, 403],
    remedy: "whoever gives out tokens and scopes; the caller where the title says what to bring",
  },
  { statuses: [404], remedy: "the caller: the address or the id is wrong, or another tenant's" },
  {
    statuses: [409],
    remedy: "the caller: the thing is in another state; read it again, then decide",
  },
  { statuses: [429, 503], remedy: "nobody: send the same request again after `Retry-After`" },
];

const bugRemedy: Remedy = {
  statuses: [500],
  remedy: "whoever runs the platform: its log has the reason under the request id",
};

/** The page, in HTML, that the `type` of a problem leads to. */
export function refusalsPage(title: string, refusals: RefusalTable): string {
  const remedyRows = [...remedies, bugRemedy].map(
    ({ statuses, remedy }) => `<tr><td>${statuses.join(", ")}<td>${withCode(remedy)}`,
  );
  const rows = Object.entries<Pick<RefusalEntry, "title" | "titleWhen"> & { status: number }>({
    ...refusals,
    internal_error: { status: 500, title: internalErrorTitle },
  }).map(
    ([code, entry]) =>
      `<tr id="${escape(code)}"><td><code>${escape(code)}</code><td>${entry.status}` +
      `<td>${titlesOf(entry).map(escape).join("<br>")}`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}: refusals</title>
<style>${style}</style>
<h1>Refusals</h1>
<p>Every error is <code>application/problem+json</code> (RFC 9457). Programs decide by
<code>code</code>, people read <code>title</code>; <code>facts</code> holds what the rule saw, and
<code>{name}</code> in a title is filled in with the fact of that name.</p>
<h2>What to do</h2>
<p>The title says what; the status says who.</p>
<table><tr><th>status<th>who acts, and how
${remedyRows.join("\n")}</table>
<h2>Every code</h2>
<table class="codes"><tr><th>code<th>status<th>title
${rows.join("\n")}</table></html>
`;
}

/**
 * Codes are long words without a space: they must break, or the page is wider than a phone. There
 * each refusal is a block, its title under its code.
 */
const style = `
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:64rem}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.4rem .8rem .4rem 0;vertical-align:top;border-bottom:1px solid #ddd}
code{overflow-wrap:anywhere}
:target{background:#fff3c4}
@media (min-width:40rem){body{padding:2rem}td:first-child code{white-space:nowrap}}
@media (max-width:39.99rem){
.codes tr{display:block;padding:.5rem 0;border-bottom:1px solid #ddd}
.codes tr:first-child{display:none}
.codes td{border:0;padding:0 .8rem 0 0;display:inline-block}
.codes td:last-child{display:block;padding:0}
}
`;

/** Text with `code` in it, as HTML. */
function withCode(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
