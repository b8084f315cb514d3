/**
 * Group commit. While one transaction is committing, the next batch collects; an idle system
 * commits a batch of one at once. One batch holds commands of one operation and one tenant.
 * Measured by `npm run bench` on two cores, one hot SKU, 256 connections, equally durable: groups
 * take 6 to 9 times the orders of one transaction per order at its best, for a sixth of its
 * processor time or less.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { assert, required } from "./assert.ts";
import type { Database, HotConnection, Tx } from "./database.ts";
import { asFault, FaultError, isConnectionLoss, isRetryable, OverloadFault } from "./database.ts";
import type { IdempotencyKey } from "./idempotency.ts";
import { keepAnswers, loadKeptAnswers, replay } from "./idempotency.ts";
import type { Answer, KeyedOperation, Operation } from "./operation.ts";
import { createPatience } from "./patience.ts";
import type { Refusal } from "./refusal.ts";
import { isRefusal } from "./refusal.ts";
import type { Throughput } from "./throughput.ts";
import { createThroughput } from "./throughput.ts";

export interface CommitterOptions {
  readonly database: Database;
  /** Dedicated connections. Three or more only make batches smaller (measured). */
  readonly committers?: 1 | 2;
  /** Commands waiting in this process at most; more are told to come back later. */
  readonly queueMax?: number;
  readonly observe?: BatchObserver;
}

export interface BatchObserver {
  committed(operation: string, size: number, seconds: number): void;
  queued(depth: number): void;
  retried(operation: string, why: string): void;
}

/** What a repeated key with another body gets. The code stands in the table of refusals. */
const keyReused: Refusal = { kind: "refused", code: "idempotency_key_reused", facts: {} };

/** More than 400 ms take at the measured rate: time bounds the wait, and this the memory. */
const queueMaxDefault = 4096;
/** A lost race is settled by the second try, at once; the others cover lost connections. */
const attemptsMax = 4;
/** Once more for each try behind the second: 0, 150 and 300 ms, while callers wait. */
const retryPauseMs = 150;
/** Who would wait longer is sent off at once. In the shorter time batches are full as well. */
const queueWaits = { passingMs: 400, standingMs: 150 };
/**
 * A bad moment of the disk may take so long. With it, its own batch and the replies of those before
 * it, what is accepted is answered within a second.
 */
const standstillMsMax = 700;
/** By the first second a full queue has been worked off; a crowd comes back over three. */
const overloadRetryAfterMs = { min: 1, max: 3_000 };

type Result = { kind: "outcome"; outcome: unknown } | { kind: "keyed"; result: Answer | Refusal };

interface Entry {
  readonly command: unknown;
  readonly key: IdempotencyKey | undefined;
  /** By the clock of the process that only goes forward. */
  readonly cameAt: number;
  /** The answer of a try whose COMMIT got lost on the way: found kept, it is this entry's own. */
  attempted?: Answer;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/** The commands of one operation and one tenant that wait for their batch. */
interface Lane {
  readonly tenantId: string;
  readonly operation: AnyOperation;
  readonly entries: Entry[];
  waiting: boolean;
}

/** Lets go of its promise at its end: V8 keeps what stands in a Map's outgrown tables alive. */
interface KeyedFlight {
  readonly bodyHash: Buffer;
  promise: Promise<Answer | Refusal> | undefined;
}

type AnyOperation = Operation<unknown, unknown, unknown> & {
  answer?(outcome: unknown): Answer | Refusal;
};

export type Committers = ReturnType<typeof createCommitters>;

export function createCommitters(options: CommitterOptions) {
  const queueMax = options.queueMax ?? queueMaxDefault;
  const lanes = new Map<string, Lane>();
  /** Lanes with waiting commands, served in turn so that no tenant starves another. */
  const turn: Lane[] = [];
  const idle: (() => void)[] = [];
  const throughput = createThroughput(options.committers ?? 1);
  const patience = createPatience(queueWaits);
  /** Keyed commands under way in this process: a repeated key joins the first one. */
  const inFlight = new Map<string, KeyedFlight>();
  let depth = 0;
  let stopping = false;

  /** By number, by the time that the queue would take, and by the time that nothing has moved. */
  function isFull(): boolean {
    if (depth >= queueMax || throughput.waitMs(depth) > patience.waitMsMax()) return true;
    return waitedMs(turn[0]?.entries) > standstillMsMax;
  }

  function enqueue(operation: AnyOperation, tenantId: string, entry: Entry): void {
    if (stopping) return entry.reject(new FaultError("the server is stopping"));
    if (isFull()) return entry.reject(comeBackLater());
    depth += 1;
    options.observe?.queued(depth);
    const laneKey = `${tenantId} ${operation.name}`;
    let lane = lanes.get(laneKey);
    if (lane === undefined) {
      lane = { tenantId, operation, entries: [], waiting: false };
      lanes.set(laneKey, lane);
    }
    assert(lane.operation === operation, `two operations are called ${operation.name}`);
    lane.entries.push(entry);
    if (!lane.waiting) {
      lane.waiting = true;
      turn.push(lane);
    }
    idle.pop()?.();
  }

  function takeBatch(): { lane: Lane; entries: Entry[] } | undefined {
    const lane = turn.shift();
    if (lane === undefined) return undefined;
    const entries = lane.entries.splice(0, lane.operation.batchMax);
    depth -= entries.length;
    // Or of the next lane, when one that nobody wants so much has had its turn.
    patience.waited(Math.max(waitedMs(entries), waitedMs(turn[0]?.entries)));
    options.observe?.queued(depth);
    lane.waiting = lane.entries.length > 0;
    if (lane.waiting) turn.push(lane);
    else lanes.delete(`${lane.tenantId} ${lane.operation.name}`);
    return { lane, entries };
  }

  async function serve(): Promise<void> {
    let connection: HotConnection | undefined;
    for (;;) {
      const batch = takeBatch();
      if (batch === undefined) {
        if (stopping) break;
        await new Promise<void>((wake) => idle.push(wake));
        continue;
      }
      connection = await commitBatch(connection, batch.lane, batch.entries, {
        ...options,
        throughput,
      });
    }
    await connection?.close().catch(() => undefined);
  }

  const served = Array.from({ length: options.committers ?? 1 }, serve);

  return {
    /** Runs a command in the next batch of its tenant. Rejects with FaultError or a bug. */
    run<Command, World, Outcome>(
      operation: Operation<Command, World, Outcome>,
      tenantId: string,
      command: Command,
    ): Promise<Outcome> {
      return new Promise<Outcome>((resolve, reject) => {
        enqueue(erase(operation), tenantId, {
          command,
          key: undefined,
          cameAt: performance.now(),
          resolve: (result) => {
            assert(result.kind === "outcome");
            // The lane only ever holds outcomes of this very operation.
            resolve(result.outcome as Outcome);
          },
          reject,
        });
      });
    },

    /**
     * The same under an Idempotency-Key: the answer is written in the transaction of the command.
     * Same key and body: the first answer again, byte for byte and marked `replayed`; other body: a
     * refusal. Who comes while the first is under way gets what the first one gets.
     */
    runKeyed<Command, World, Outcome>(
      operation: KeyedOperation<Command, World, Outcome>,
      tenantId: string,
      key: IdempotencyKey,
      command: Command,
    ): Promise<Answer | Refusal> {
      const flightKey = `${tenantId} ${key.key}`;
      const running = inFlight.get(flightKey);
      if (running?.promise !== undefined) {
        if (!running.bodyHash.equals(key.bodyHash)) return Promise.resolve(keyReused);
        return running.promise.then((first) =>
          isRefusal(first) ? first : { ...first, replayed: true },
        );
      }
      const promise = new Promise<Answer | Refusal>((resolve, reject) => {
        enqueue(erase(operation), tenantId, {
          command,
          key,
          cameAt: performance.now(),
          resolve: (result) => {
            assert(result.kind === "keyed");
            resolve(result.result);
          },
          reject,
        });
      }).finally(() => {
        inFlight.delete(flightKey);
        flight.promise = undefined;
      });
      const flight: KeyedFlight = { bodyHash: key.bodyHash, promise };
      inFlight.set(flightKey, flight);
      return promise;
    },

    depth: () => depth,

    /** Whether the next command would be told to come back later. */
    isFull,

    /** Finishes what was accepted, then closes the connections. */
    async stop(): Promise<void> {
      stopping = true;
      for (const wake of idle.splice(0)) wake();
      await Promise.all(served);
    },
  };

  /** Lanes hold operations of every type; `run` gives each outcome back to its own type. */
  function erase<Command, World, Outcome>(operation: Operation<Command, World, Outcome>) {
    return operation as AnyOperation;
  }
}

/** How long the first of them has waited. */
function waitedMs([first]: readonly Entry[] = []): number {
  return first === undefined ? 0 : performance.now() - first.cameAt;
}

function comeBackLater(): OverloadFault {
  const { min, max } = overloadRetryAfterMs;
  return new OverloadFault("too many commands are waiting", {
    retryAfterMs: min + Math.random() * (max - min),
  });
}

/**
 * Commits one batch and answers everybody in it. A batch that fails is loaded anew when a race or
 * the connection was lost; then each command runs alone, so that one that faults does not take its
 * neighbours along.
 */
async function commitBatch(
  connection: HotConnection | undefined,
  lane: Lane,
  entries: readonly Entry[],
  options: CommitterOptions & { readonly throughput: Throughput },
): Promise<HotConnection | undefined> {
  let hot = connection;
  for (let attempt = 1; ; attempt += 1) {
    const startedAt = performance.now();
    try {
      if (hot === undefined || !hot.isAlive()) hot = await options.database.connectHot();
      const results = await hot.transaction(lane.tenantId, (tx) => runBatch(tx, lane, entries));
      const ms = performance.now() - startedAt;
      options.throughput.worked(entries.length, ms);
      options.observe?.committed(lane.operation.name, entries.length, ms / 1000);
      entries.forEach((entry, index) => entry.resolve(required(results[index], "a result")));
      return hot;
    } catch (error) {
      if (isConnectionLoss(error)) {
        // Whether the COMMIT was done is unknown: the keys and the business ids will tell.
        hot?.close().catch(() => undefined);
        hot = undefined;
      }
      const why = error instanceof Error ? error.message : String(error);
      if (isRetryable(error) && attempt < attemptsMax) {
        options.observe?.retried(lane.operation.name, why);
        await sleep(retryPauseMs * (attempt - 1));
        continue;
      }
      if (entries.length === 1 || isConnectionLoss(error)) {
        for (const entry of entries) entry.reject(asFault(error));
        return hot;
      }
      options.observe?.retried(lane.operation.name, why);
      for (const entry of entries) hot = await commitBatch(hot, lane, [entry], options);
      return hot;
    }
  }
}

async function runBatch(tx: Tx, lane: Lane, entries: readonly Entry[]): Promise<Result[]> {
  const { operation } = lane;
  const keys = entries.flatMap(({ key }) => (key === undefined ? [] : [key]));
  const commands = entries.map(({ command }) => command);
  // The keys leave behind the locks of the first flight: whoever had to wait for another process
  // sees the answer that it has kept meanwhile. A replayed command loads in vain, which is rare.
  const loading = operation.load(tx, commands);
  const [world, kept] = await Promise.all([
    loading,
    keys.length === 0 ? undefined : loadKeptAnswers(tx, keys),
  ]);

  const outcomes: unknown[] = [];
  const answers: { key: IdempotencyKey; answer: Answer }[] = [];
  const results = entries.map((entry): Result => {
    const { key, command } = entry;
    if (key !== undefined && kept?.has(key.key) === true) {
      const earlier = replay(kept, key) ?? keyReused;
      const own = entry.attempted;
      const isOwn = own !== undefined && !isRefusal(earlier) && earlier.body === own.body;
      return { kind: "keyed", result: isOwn ? own : earlier };
    }
    const outcome = operation.decide(world, command, tx.now);
    outcomes.push(outcome);
    if (key === undefined) return { kind: "outcome", outcome };
    const answer = required(operation.answer, `${operation.name}.answer`)(outcome);
    if (!isRefusal(answer)) {
      answers.push({ key, answer });
      entry.attempted = answer;
    }
    return { kind: "keyed", result: answer };
  });
  operation.save(tx, world, outcomes);
  keepAnswers(tx, answers);
  return results;
}
