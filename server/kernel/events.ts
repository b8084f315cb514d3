import type { NewEvent, Tx } from "./transaction.ts";
import { statement, timestamp } from "./transaction.ts";

export type { NewEvent } from "./transaction.ts";

/** An event as subscribers see it: `seq` counts up by one within its tenant, in commit order. */
export interface StoredEvent<Type extends string = string, Data = unknown> extends NewEvent<
  Type,
  Data
> {
  readonly seq: bigint;
  readonly at: number;
}

/**
 * Takes the numbers and writes the rows in one statement. The head row is the last lock of the
 * transaction: whoever commits later has the higher number, so a reader that has seen number n has
 * seen every number below n. (An identity column does not give that: it hands out numbers before
 * the commit, and a cursor passes by those whose transaction is still open.)
 */
const appendEvents = statement(
  "kernel.append_events",
  `with head as (
     insert into kernel.event_heads as h (tenant_id, seq) values ($1, $2::bigint)
     on conflict (tenant_id) do update set seq = h.seq + excluded.seq
     returning seq
   )
   insert into kernel.events (tenant_id, seq, at, type, data)
   select $1, head.seq - $2::bigint + e.position, $3, e.type, e.data::json
   from head, unnest($4::text[], $5::text[]) with ordinality as e (type, data, position)`,
);

/** Called by the kernel once per transaction, after all other writes. */
export function writeEvents(tx: Tx, events: readonly NewEvent[]): void {
  if (events.length === 0) return;
  tx.write(appendEvents, [
    tx.tenantId,
    events.length,
    timestamp(tx.now),
    events.map((event) => event.type),
    events.map((event) => encodeEventData(event.data)),
  ]);
}

/** bigints leave as integers: amounts stay below 2^53, see money.ts. */
export function encodeEventData(data: unknown): string {
  try {
    // Hardly any event has one, and the engine takes half the time when it need not ask for each.
    return JSON.stringify(data);
  } catch {
    return JSON.stringify(data, (_name, value: unknown) =>
      typeof value === "bigint" ? Number(value) : value,
    );
  }
}
