import type { Database } from "./database.ts";
import { statement } from "./database.ts";

/** The newest event of the tenant, and what was asked for among those after `after`. */
export interface EventsSince<Data> {
  /** Everything up to here has been read. */
  readonly seq: bigint;
  /** False when there was more than is read at a time: ask again, after `seq`. */
  readonly isAll: boolean;
  readonly data: readonly Data[];
}

export interface WantedEvents {
  readonly after: bigint;
  readonly type: string;
  /** A field of the event's data, and the texts that it may have. */
  readonly field: string;
  readonly values: readonly string[];
}

const selectSince = statement(
  "kernel.events_since",
  // One snapshot for both: an event that is not seen has a number above the head that is.
  `select least(h.seq, $2::bigint + $6::bigint) as seq, h.seq <= $2::bigint + $6::bigint as is_all,
          e.data
   from kernel.event_heads h
   left join kernel.events e
     on e.tenant_id = $1 and e.seq > $2 and e.seq <= least(h.seq, $2::bigint + $6::bigint)
        and e.type = $3 and e.data ->> $4 = any($5::text[])
   where h.tenant_id = $1`,
);

/** Numbers looked at in one go: about a second of a busy tenant, and 20 ms of the database. */
const numbersMaxDefault = 20_000;

/**
 * For the memory of a process, which follows the log from a number on without a cursor of its own
 * in the database: who has read up to a number has seen all that was committed up to it. Nothing
 * lasting may rest on it; that is what subscriptions are for.
 */
export async function readEventsSince<Data>(
  database: Database,
  tenantId: string,
  wanted: WantedEvents,
  numbersMax = numbersMaxDefault,
): Promise<EventsSince<Data>> {
  const { after, type, field, values } = wanted;
  const rows = await database.read<{ seq: bigint; is_all: boolean; data: Data | null }>(
    tenantId,
    selectSince,
    [tenantId, after, type, field, values, numbersMax],
  );
  const [first] = rows;
  // A tenant without a head has no events yet.
  if (first === undefined) return { seq: after, isAll: true, data: [] };
  const data = rows.flatMap((row) => (row.data === null ? [] : [row.data]));
  return { seq: first.seq, isAll: first.is_all, data };
}

const selectHead = statement(
  "kernel.newest_event",
  "select seq from kernel.event_heads where tenant_id = $1",
);

/** The number of the tenant's newest event; 0 before the first. */
export async function newestEvent(database: Database, tenantId: string): Promise<bigint> {
  const [head] = await database.read<{ seq: bigint }>(tenantId, selectHead, [tenantId]);
  return head?.seq ?? 0n;
}
