import type { Duplex } from "node:stream";
import pg from "pg";
import { assert } from "./assert.ts";
import { writeEvents } from "./events.ts";
import type { NewEvent, Statement, Tx, Value } from "./transaction.ts";

export type { Statement, Tx, Value } from "./transaction.ts";
export { optionalTimestamps, statement, timestamp, timestamps } from "./transaction.ts";

/**
 * The world outside of the business failed: the database is gone, a queue is full. Nothing was
 * done, or the kernel finds out what was; the caller gets 503 and may repeat.
 */
export class FaultError extends Error {
  override name = "FaultError";
  readonly retryAfterMs: number;
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs ?? 1000;
  }
}

/** Nothing is broken: more is asked for at this moment than there is room for. */
export class OverloadFault extends FaultError {
  override name = "OverloadFault";
}

export interface DatabaseOptions {
  readonly url: string;
  readonly clock: { now(): number };
  /** Pooled connections for reads; half as many more serve cold operations. */
  readonly poolMax?: number;
  readonly onError?: (error: Error) => void;
  /** Told after each commit that wrote events, to wake the subscriptions of this process. */
  readonly onEvents?: (tenantId: string) => void;
}

export type Database = ReturnType<typeof createDatabase>;

const poolMaxDefault = 10;
/** Longer than any statement of ours; ends what a lost lock or a bad plan would hold for ever. */
const statementTimeoutMs = 30_000;
/**
 * A transaction that is idle for longer has lost its process, or its process was stopped: its locks
 * go back, and whoever still comes is refused. Between two statements stands computing alone, some
 * tens of milliseconds; everybody who wants the same rows waits as long as this.
 */
const idleInTransactionTimeoutMs = 2_500;
const connectTimeoutMs = 5_000;

/**
 * Committers, sweeps and subscriptions run few statements, each over a list of ids. Plans made
 * while a table was small take a hash join, a bitmap or a scan of the whole tenant for the cheaper
 * way (measured: 29 ms a batch instead of under 2), so these connections do not have those choices.
 */
export const hotOptions = [
  "enable_seqscan=off",
  "enable_bitmapscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  "enable_material=off",
  "plan_cache_mode=force_generic_plan",
]
  .map((option) => `-c ${option}`)
  .join(" ");
/**
 * Reads of people. To start two processes that share a scan takes PostgreSQL 20 ms (measured where
 * the scan itself took 1.3), a hundred times what it reckons, and cores that commands want; this
 * leaves them to an audit of millions of rows.
 */
const readOptions = "-c parallel_setup_cost=100000";
/**
 * A plan is kept until statistics are renewed, which takes PostgreSQL a minute or more, and some
 * tables grow by a million rows in that time: without this, notices of payments read every payment
 * of their tenant. Plans made anew see how large tables are; it takes a four-hundredth of a core.
 */
const plansLifeMs = 2_000;

/**
 * Gives the pools and the dedicated connections. Today there is one PostgreSQL; the tenant is asked
 * for at every door, so that several can stand behind it later.
 */
export function createDatabase(options: DatabaseOptions) {
  const onError = options.onError ?? (() => undefined);
  const hooks = { onEvents: options.onEvents };
  const shared: pg.PoolConfig = {
    connectionString: options.url,
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    types: wireTypes,
    pipeline: true,
  };
  const poolMax = options.poolMax ?? poolMaxDefault;
  const pool = new pg.Pool({
    ...shared,
    max: poolMax,
    application_name: "tongbao",
    options: readOptions,
  });
  // Its work takes turns by itself, so half as many do.
  const workPool = new pg.Pool({
    ...shared,
    max: Math.ceil(poolMax / 2),
    application_name: "tongbao-work",
    options: hotOptions,
  });
  // Without a handler the loss of an idle connection would end the process.
  for (const each of [pool, workPool]) each.on("error", onError);

  return {
    url: options.url,

    poolFor(tenantId: string): pg.Pool {
      assert(tenantId !== "");
      return pool;
    },

    /** For the kernel's own figures of all tenants; one per engine. */
    pools(): readonly pg.Pool[] {
      return [pool];
    },

    /** Of all engines; the statement gives `tenant_id`: who has something due, or ahead. */
    async tenantsWith({ text }: Statement, values: readonly Value[]): Promise<string[]> {
      const { rows } = await pool.query<{ tenant_id: string }>(text, values.map(wireValue));
      return rows.map(({ tenant_id }) => tenant_id);
    },

    /** Reads outside of a transaction; each statement sees its own snapshot. */
    async read<Row>(
      tenantId: string,
      { name, text }: Statement,
      values: readonly Value[],
    ): Promise<Row[]> {
      assert(tenantId !== "");
      try {
        const result = await pool.query<Row & pg.QueryResultRow>({
          name,
          text,
          values: values.map(wireValue),
        });
        return result.rows;
      } catch (error) {
        throw asFault(error);
      }
    },

    /** One transaction on a pooled connection; the cold twin of a committer's batch. */
    async transaction<Result>(
      tenantId: string,
      work: (tx: Tx) => Promise<Result>,
    ): Promise<Result> {
      let client: pg.PoolClient;
      try {
        client = await workPool.connect();
      } catch (error) {
        throw asFault(error);
      }
      client.on("error", onError);
      let broken = false;
      try {
        return await runTransaction({ client, tenantId, now: options.clock.now(), work, ...hooks });
      } catch (error) {
        broken = isConnectionLoss(error);
        throw asFault(error);
      } finally {
        client.off("error", onError);
        client.release(broken);
      }
    },

    /** A connection of its own whose statements are sent without waiting for each other. */
    async connectHot(): Promise<HotConnection> {
      const client = new pg.Client({
        connectionString: options.url,
        connectionTimeoutMillis: connectTimeoutMs,
        statement_timeout: statementTimeoutMs,
        idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
        application_name: "tongbao-committer",
        options: hotOptions,
        types: wireTypes,
        pipeline: true,
        keepAlive: true,
      });
      let alive = true;
      client.on("error", (error) => {
        alive = false;
        onError(error);
      });
      client.on("end", () => (alive = false));
      try {
        await client.connect();
      } catch (error) {
        throw asFault(error);
      }
      return {
        isAlive: () => alive,
        close: () => client.end(),
        transaction: (tenantId, work) =>
          runTransaction({ client, tenantId, now: options.clock.now(), work, ...hooks }),
      };
    },

    async close(): Promise<void> {
      await Promise.all([pool.end(), workPool.end()]);
    },
  };
}

export interface HotConnection {
  isAlive(): boolean;
  close(): Promise<void>;
  transaction<Result>(tenantId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
}

interface Run<Result> {
  readonly client: pg.Client;
  readonly tenantId: string;
  readonly now: number;
  readonly work: (tx: Tx) => Promise<Result>;
  readonly onEvents?: ((tenantId: string) => void) | undefined;
}

async function runTransaction<Result>(run: Run<Result>): Promise<Result> {
  const { client, tenantId, now, work } = run;
  const events: NewEvent[] = [];
  const hints: (() => void)[] = [];
  const sent: Promise<unknown>[] = [];
  // Once a statement has failed, all later ones only say that the transaction is aborted.
  let firstError: unknown;
  const flight = createFlight(client);
  const send = <Row>({ name, text }: Statement, values: readonly Value[]) => {
    const query = { name, text, values: values.map(wireValue) };
    flight.board();
    const answer = client.query<Row & pg.QueryResultRow>(query);
    // Every answer is awaited before the end; this also keeps Node from calling it unhandled.
    answer.catch((error: unknown) => (firstError ??= error));
    return answer;
  };
  const tx: Tx = {
    tenantId,
    now,
    rows: async <Row>(statement: Statement, values: readonly Value[]): Promise<Row[]> => {
      const answer = send<Row>(statement, values);
      // Behind those that the same call sends, and before whoever waits for a turn of the process.
      queueMicrotask(flight.leave);
      return (await answer).rows;
    },
    write: (statement, values) => void sent.push(send(statement, values)),
    emit: (more) => events.push(...more),
    afterCommit: (hint) => hints.push(hint),
  };

  flight.board();
  sent.push(...renewPlans(client, now));
  const begin = client.query("begin");
  begin.catch(() => undefined);
  sent.push(begin);
  let result: Result;
  try {
    result = await work(tx);
    writeEvents(tx, events);
    const commit = client.query("commit");
    commit.catch(() => undefined);
    flight.leave();
    await Promise.all(sent);
    // A transaction that failed before answers ROLLBACK to COMMIT, without an error.
    if ((await commit).command !== "COMMIT")
      throw new FaultError("the transaction was rolled back");
  } catch (error) {
    flight.leave();
    await client.query("rollback").catch(() => undefined);
    throw firstError ?? error;
  }
  for (const hint of hints) hint();
  if (events.length > 0) run.onEvents?.(tenantId);
  return result;
}

/**
 * Statements that are sent without waiting for each other leave in one write to the socket. The
 * driver writes each by itself: 11 % of a profile under load, 8 % with this.
 */
function createFlight({ connection }: pg.Client) {
  let stream: Duplex | undefined;
  const leave = () => {
    stream?.uncork();
    stream = undefined;
  };
  return {
    board(): void {
      if (stream !== undefined) return;
      ({ stream } = connection);
      stream.cork();
      // Whoever writes and then waits for something else has waited long enough.
      process.nextTick(leave);
    },
    leave,
  };
}

/** When the plans of a connection were made, or begun to be. */
const plannedAt = new WeakMap<pg.ClientBase, number>();

function renewPlans(client: pg.ClientBase, now: number): Promise<unknown>[] {
  const since = plannedAt.get(client);
  if (since !== undefined && now - since < plansLifeMs && now >= since) return [];
  plannedAt.set(client, now);
  if (since === undefined) return [];
  const discarded = client.query("discard plans");
  discarded.catch(() => undefined);
  return [discarded];
}

/** SQLSTATE of an error that PostgreSQL reported; undefined for everything else. */
export function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}

/**
 * True when the connection went away, so that nobody knows whether a COMMIT under way was done.
 * 57P0x: shut down or crashed; 25P03 and 25P04: idle or open for too long; 08xxx: connection
 * exceptions; no SQLSTATE: the socket broke.
 */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof FaultError)
    return error.cause !== undefined && isConnectionLoss(error.cause);
  const state = sqlState(error);
  if (state !== undefined) return /^(57P0[1-5]|25P0[34]|08...)$/.test(state);
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  // Of a socket in the file system: nobody has made it, or more want in than it lets wait.
  const isSocket = "syscall" in error && error.syscall === "connect";
  if (isSocket && (code === "ENOENT" || code === "EAGAIN")) return true;
  return (
    /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND)$/.test(code) ||
    /connection (terminated|error|timeout)|timeout exceeded when trying|not queryable|closed the connection/i.test(
      error.message,
    )
  );
}

/** True when the same work, loaded anew, may well succeed: lost races and lost connections. */
export function isRetryable(error: unknown): boolean {
  if (isConnectionLoss(error)) return true;
  // Serialization failure, deadlock, unique and exclusion violation (another process was first),
  // lock and statement time-out, too many connections.
  return /^(40001|40P01|23505|23P01|55P03|57014|53300)$/.test(sqlState(error) ?? "");
}

/** True when the database is away, or short of memory, disk or connections. */
export function isOutage(error: unknown): boolean {
  if (isConnectionLoss(error)) return true;
  const cause = error instanceof FaultError ? error.cause : error;
  return /^53...$/.test(sqlState(cause) ?? "");
}

/** Connection trouble becomes a fault (503); anything else passes through as the bug it is. */
export function asFault(error: unknown): unknown {
  if (error instanceof FaultError) return error;
  if (!isConnectionLoss(error) && !/^(53...|57014)$/.test(sqlState(error) ?? "")) return error;
  return new FaultError("the database does not answer", { cause: error });
}

/**
 * Lists leave as PostgreSQL's array text, which is what JSON writes but for the brackets, as long
 * as JSON escapes nothing but quotes and backslashes. The engine's own writer takes half the time
 * of pg's: 5 of the 110 us that an order costs this process.
 */
function wireValue(value: Value): Value {
  if (!Array.isArray(value)) return value;
  const list: readonly Value[] = value;
  if (list.every((item) => typeof item === "bigint")) return `{${list.join(",")}}`;
  if (!list.every(isPlain)) return value;
  const json = JSON.stringify(list);
  // \n, \u0007 and the like mean something else to PostgreSQL: pg writes those lists.
  return /\\[^"\\]/.test(json) ? value : `{${json.slice(1, -1)}}`;
}

function isPlain(item: Value): boolean {
  if (typeof item === "number") return Number.isFinite(item);
  return typeof item === "string" || typeof item === "boolean" || item === null;
}

const parseTimestamp = (text: string): number => {
  // PostgreSQL writes "2026-11-21 03:32:00.123+00"; Date.parse wants a T and a full offset. UTC,
  // which is what it mostly writes, goes without a pattern in less than half of the time.
  const iso = text.endsWith("+00")
    ? `${text.slice(0, 10)}T${text.slice(11, -3)}Z`
    : text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
  const parsed = Date.parse(iso);
  assert(!Number.isNaN(parsed), `not a timestamp: ${text}`);
  return parsed;
};

const parseInt8Array = (text: string): bigint[] =>
  text === "{}" ? [] : text.slice(1, -1).split(",").map(BigInt);

const parsers = new Map<number, (text: string) => unknown>([
  [20, BigInt], // int8
  [1016, parseInt8Array], // int8[]
  [1184, parseTimestamp], // timestamptz
]);

const wireTypes: pg.CustomTypesConfig = {
  getTypeParser: (oid: number, format?: "text" | "binary") => {
    const own = format === "binary" ? undefined : parsers.get(oid);
    return own ?? pg.types.getTypeParser(oid, format ?? "text");
  },
};
