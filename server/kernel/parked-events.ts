/**
 * Events that a subscription could not apply, for the people who decide about them: a replay
 * applies one again once the reason is mended, a drop leaves it unapplied for good. Both are kept
 * with who and when.
 */
import { required } from "./assert.ts";
import type { Database, Tx } from "./database.ts";
import { FaultError, isOutage, statement, timestamp } from "./database.ts";
import type { StoredEvent } from "./events.ts";
import type { IdempotencyKey } from "./idempotency.ts";
import { keepAnswers, loadKeptAnswers, replay as replayAnswer } from "./idempotency.ts";
import type { Answer } from "./operation.ts";
import type { Facts, Refusal } from "./refusal.ts";
import type { Subscription } from "./subscriptions.ts";
import { errorTextOf } from "./subscriptions.ts";
import { formatInstant } from "./time.ts";

export interface ParkedEvent {
  readonly subscription: string;
  readonly seq: bigint;
  readonly type: string;
  /** When it happened. */
  readonly at: number;
  readonly parkedAt: number;
  readonly attempts: number;
  readonly error: string;
  readonly resolved: Resolved | undefined;
}

interface Resolved {
  readonly how: Resolution;
  readonly at: number;
  readonly by: string;
  /** Why it was dropped. */
  readonly reason: string | undefined;
}

type Resolution = "replayed" | "dropped";

interface ParkedRow {
  subscription: string;
  seq: bigint;
  type: string;
  at: number;
  data: unknown;
  parked_at: number;
  attempts: number;
  error: string;
  resolved_at: number | null;
  resolution: Resolution | null;
  resolved_by: string | null;
  reason: string | null;
}

const columns = `p.subscription, p.seq, e.type, e.at, p.parked_at, p.attempts, p.error,
          p.resolved_at, p.resolution, p.resolved_by, p.reason`;

const selectPage = statement(
  "kernel.parked_event_page",
  `select ${columns} from kernel.parked_events p
   join kernel.events e on e.tenant_id = p.tenant_id and e.seq = p.seq
   where p.tenant_id = $1
     and ($2::text is null or p.subscription = $2)
     and ($3::boolean is null or (p.resolved_at is not null) = $3)
     and ($4::bigint is null or (p.seq, p.subscription) < ($4, $5))
   order by p.seq desc, p.subscription desc limit $6`,
);

const selectOne = statement(
  "kernel.parked_event",
  `select ${columns}, e.data from kernel.parked_events p
   join kernel.events e on e.tenant_id = p.tenant_id and e.seq = p.seq
   where p.tenant_id = $1 and p.subscription = $2 and p.seq = $3`,
);

const lockOne = statement("kernel.lock_parked_event", `${selectOne.text} for update of p`);

const resolveOne = statement(
  "kernel.resolve_parked_event",
  `update kernel.parked_events
   set resolved_at = $4, resolution = $5, resolved_by = $6, reason = $7
   where tenant_id = $1 and subscription = $2 and seq = $3`,
);

const recordFailure = statement(
  "kernel.parked_event_failed_again",
  `update kernel.parked_events set attempts = attempts + 1, error = $4
   where tenant_id = $1 and subscription = $2 and seq = $3 and resolved_at is null`,
);

export interface ParkedEventName {
  readonly subscription: string;
  readonly seq: bigint;
}

export interface ParkedEventFilter {
  readonly subscription: string | undefined;
  readonly resolved: boolean | undefined;
  /** The last one that the caller has seen; the newest event comes first. */
  readonly before: ParkedEventName | undefined;
  readonly limit: number;
}

export interface Decision extends ParkedEventName {
  /** Who decides. */
  readonly by: string;
}

export type ParkedEvents = ReturnType<typeof createParkedEvents>;

export function createParkedEvents(deps: {
  readonly database: Database;
  /** All of the program, whichever process works them off. */
  readonly subscriptions: readonly Subscription[];
}) {
  const { database, subscriptions } = deps;

  /** Under the row's lock: two people who decide at once are told of each other. */
  async function decide(
    tx: Tx,
    key: IdempotencyKey,
    decision: Decision & { readonly how: Resolution; readonly reason: string | undefined },
    apply: (event: StoredEvent) => Promise<void>,
  ): Promise<Answer | Refusal> {
    const { tenantId } = tx;
    const { subscription, seq, how, by, reason } = decision;
    const [row] = await tx.rows<ParkedRow>(lockOne, [tenantId, subscription, seq]);
    if (row === undefined) return refused("not_found", { what: "parked event" });
    const kept = await loadKeptAnswers(tx, [key]);
    if (kept.size > 0) return replayAnswer(kept, key) ?? refused("idempotency_key_reused");
    const earlier = parkedEventOf(row).resolved;
    if (earlier !== undefined) return refused("parked_event_resolved", resolvedView(earlier));
    await apply(row);
    const resolved = { how, at: tx.now, by, reason };
    tx.write(resolveOne, [tenantId, subscription, seq, timestamp(tx.now), how, by, reason ?? null]);
    const body = JSON.stringify(parkedEventView({ ...parkedEventOf(row), resolved }));
    const answer: Answer = { kind: "answered", status: 200, body };
    keepAnswers(tx, [{ key, answer }]);
    return answer;
  }

  return {
    async list(tenantId: string, filter: ParkedEventFilter): Promise<ParkedEvent[]> {
      const { subscription, resolved, before, limit } = filter;
      const rows = await database.read<ParkedRow>(tenantId, selectPage, [
        tenantId,
        subscription ?? null,
        resolved ?? null,
        before?.seq ?? null,
        before?.subscription ?? null,
        limit,
      ]);
      return rows.map(parkedEventOf);
    },

    /** With the data of the event. Refusals: not_found. */
    async read(
      tenantId: string,
      { subscription, seq }: ParkedEventName,
    ): Promise<(ParkedEvent & { readonly data: unknown }) | Refusal> {
      const values = [tenantId, subscription, seq];
      const [row] = await database.read<ParkedRow>(tenantId, selectOne, values);
      if (row === undefined) return refused("not_found", { what: "parked event" });
      return { ...parkedEventOf(row), data: row.data };
    },

    /**
     * Applies it again; 200. Refusals: not_found, parked_event_resolved, subscription_gone,
     * parked_event_failed_again with the error, which is kept in the place of the former one.
     */
    async replay(
      tenantId: string,
      key: IdempotencyKey,
      decision: Decision,
    ): Promise<Answer | Refusal> {
      const { subscription: name, seq } = decision;
      const subscription = subscriptions.find((candidate) => candidate.name === name);
      if (subscription === undefined) return refused("subscription_gone", { subscription: name });
      try {
        return await database.transaction(tenantId, (tx) =>
          decide(tx, key, { ...decision, how: "replayed", reason: undefined }, (event) =>
            subscription.apply(tx, [event]),
          ),
        );
      } catch (error) {
        // That is nobody's event's fault, and the person may try again in a moment.
        if (isOutage(error) || error instanceof FaultError) throw error;
        const text = errorTextOf(error);
        await database.transaction(tenantId, async (tx) =>
          tx.write(recordFailure, [tenantId, name, seq, text]),
        );
        return refused("parked_event_failed_again", { error: text });
      }
    },

    /** Leaves it unapplied for good; 200. Refusals: not_found, parked_event_resolved. */
    drop(
      tenantId: string,
      key: IdempotencyKey,
      decision: Decision & { readonly reason: string },
    ): Promise<Answer | Refusal> {
      return database.transaction(tenantId, (tx) =>
        decide(tx, key, { ...decision, how: "dropped" }, () => Promise.resolve()),
      );
    },
  };
}

/** The codes stand in the table of refusals. */
function refused(code: string, facts: Facts = {}): Refusal {
  return { kind: "refused", code, facts };
}

function parkedEventOf(row: ParkedRow): ParkedEvent {
  const { subscription, seq, type, at, attempts, error } = row;
  const { resolved_at: resolvedAt, resolution } = row;
  const resolved =
    resolvedAt === null
      ? undefined
      : {
          how: required(resolution, "how it was resolved"),
          at: resolvedAt,
          by: required(row.resolved_by, "who resolved it"),
          reason: row.reason ?? undefined,
        };
  return { subscription, seq, type, at, parkedAt: row.parked_at, attempts, error, resolved };
}

/** As it leaves the API. */
export function parkedEventView(parked: ParkedEvent) {
  const { subscription, seq, type, attempts, error, resolved } = parked;
  return {
    subscription,
    seq: Number(seq),
    type,
    at: formatInstant(parked.at),
    parkedAt: formatInstant(parked.parkedAt),
    attempts,
    error,
    ...(resolved === undefined ? {} : { resolved: resolvedView(resolved) }),
  };
}

function resolvedView({ how, at, by, reason }: Resolved) {
  return { how, at: formatInstant(at), by, ...(reason === undefined ? {} : { reason }) };
}
