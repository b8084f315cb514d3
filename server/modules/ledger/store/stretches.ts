/** How far back a page of a statement goes whose account has no index. */
import type { Database } from "../../../kernel/database.ts";
import { statement, timestamp } from "../../../kernel/database.ts";

/** As transfers_marks has it. */
const isMark = "(uuid_hash(bundle_id) # leg::integer) & 127 = 0";
const rowsOfMark = 128;
/** Measured: 50 on average; movements with the longest reasons fill a page with half of that. */
const rowsOfPageMin = 25;

/**
 * Where a stretch of so many marks begins that ends before a time, and over how many pages of the
 * table it goes. Marks are read off their index; the table is asked about the outermost two.
 */
const selectStretchStart = statement(
  "ledger.stretch_start",
  `with marks as materialized (
     select at from ledger.transfers
     where tenant_id = $1 and ${isMark} and at >= $2 and at < $3
     order by at desc limit $4
   ), ends as (
     select min(at) as oldest, max(at) as newest, count(*)::integer as marks from marks
   )
   select oldest as at, marks, coalesce(
     (select (ctid::text::point)[0] from ledger.transfers
      where tenant_id = $1 and ${isMark} and at = newest limit 1) -
     (select (ctid::text::point)[0] from ledger.transfers
      where tenant_id = $1 and ${isMark} and at = oldest limit 1), 0)::float8 as pages
   from ends`,
);

/** Where tenants write in turns, its rows lie far apart; it is then as short as so many pages. */
const selectScatteredStart = statement(
  "ledger.stretch_start_scattered",
  `select min(at) filter (where newest - page <= $5) as at
   from (
     select at, page, max(page) over () as newest
     from (
       select at, (ctid::text::point)[0] as page from ledger.transfers
       where tenant_id = $1 and ${isMark} and at >= $2 and at < $3
       order by at desc limit $4
     ) m
   ) w`,
);

/**
 * Where a stretch of about `rows` movements of the tenant begins that ends before `to`; `from` when
 * there are no more than that.
 */
export async function selectStretch(
  database: Database,
  tenantId: string,
  wanted: { readonly from: number; readonly to: number; readonly rows: number },
): Promise<number> {
  const marksMax = Math.ceil(wanted.rows / rowsOfMark);
  const pagesMax = Math.ceil(wanted.rows / rowsOfPageMin);
  const values = [tenantId, timestamp(wanted.from), timestamp(wanted.to), marksMax] as const;
  const [found] = await database.read<{ at: number | null; marks: number; pages: number }>(
    tenantId,
    selectStretchStart,
    values,
  );
  if (found === undefined || found.at === null) return wanted.from;
  if (found.pages <= pagesMax) return found.marks < marksMax ? wanted.from : found.at;
  const [scattered] = await database.read<{ at: number | null }>(tenantId, selectScatteredStart, [
    ...values,
    pagesMax,
  ]);
  return scattered?.at ?? wanted.from;
}
