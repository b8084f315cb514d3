import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { BatchObserver } from "./batch.ts";
import type { Clock } from "./time.ts";

export type Metrics = ReturnType<typeof createMetrics>;

/** Writes gauges from what stands in the database or in memory, when somebody looks. */
export type Measure = () => void | Promise<void>;

/** Of a figure, as Prometheus shows it. */
export interface FigureText {
  /** It begins with `tongbao_`. */
  readonly name: `tongbao_${string}`;
  readonly help: string;
}

/** From a quarter of a millisecond (a cached read) to ten seconds (the longest time-out). */
const secondsBuckets = [
  0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Powers of two up to the largest batch. */
const sizeBuckets = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** However often and by however many the figures are read, queries for them run no oftener. */
const measureIntervalMs = 2_000;

/**
 * The figures by which an operator sees whether the platform keeps up, in Prometheus' form. Labels
 * come from the program (route patterns, names of operations), never from a request, so that their
 * number is bounded.
 */
export function createMetrics(options: { clock: Clock }) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "tongbao_" });
  const measures = new Map<string, Measure>();
  const failedMeasures = new Counter({
    name: "tongbao_measure_failures_total",
    help: "Figures that could not be measured, by measure.",
    labelNames: ["measure"],
    registers: [registry],
  });
  let measuredAt = Number.NEGATIVE_INFINITY;
  let measuring: Promise<void> | undefined;

  async function measureAll(): Promise<void> {
    measuredAt = options.clock.now();
    await Promise.all(
      [...measures].map(async ([name, measure]) => {
        try {
          await measure();
        } catch {
          // The other figures are wanted most when one part of the platform is gone.
          failedMeasures.inc({ measure: name });
        }
      }),
    );
    measuring = undefined;
  }

  return {
    ...httpMetrics(registry),
    ...workMetrics(registry),
    ...sweepMetrics(registry),
    ...stateMetrics(registry),

    /** A figure of a module's own that goes up and down; gives what sets it. */
    gauge(text: FigureText): (value: number) => void {
      const gauge = new Gauge({ ...text, registers: [registry] });
      return (value) => gauge.set(value);
    },

    /** A figure of a module's own that only rises; gives what adds to it. */
    counter(text: FigureText): (by: number) => void {
      const counter = new Counter({ ...text, registers: [registry] });
      return (by) => counter.inc(by);
    },

    /** Registers what is measured when the figures are read; the name shows in failures. */
    measure(name: string, measure: Measure): void {
      measures.set(name, measure);
    },

    contentType: registry.contentType,

    async text(): Promise<string> {
      if (options.clock.now() - measuredAt >= measureIntervalMs) measuring ??= measureAll();
      await measuring;
      return await registry.metrics();
    },
  };
}

function httpMetrics(registry: Registry) {
  const registers = [registry];
  const seconds = new Histogram({
    name: "tongbao_http_request_seconds",
    help: "Time from the last header of a request to the end of its reply.",
    labelNames: ["method", "route", "status"],
    buckets: secondsBuckets,
    registers,
  });
  const inFlight = new Gauge({
    name: "tongbao_http_in_flight",
    help: "Requests being worked on.",
    registers,
  });
  const shed = new Counter({
    name: "tongbao_http_shed_total",
    help: "Requests refused at the door, by reason.",
    labelNames: ["reason"],
    registers,
  });
  const streams = new Gauge({
    name: "tongbao_streams_open",
    help: "Event streams that are open.",
    registers,
  });
  return {
    httpRequest: (method: string, route: string, status: number, duration: number) =>
      seconds.observe({ method, route, status }, duration),
    httpInFlight: (requests: number) => inFlight.set(requests),
    httpShed: (reason: "overloaded" | "rate_limited" | "too_many_streams") => shed.inc({ reason }),
    streamsOpen: (open: number) => streams.set(open),
  };
}

function workMetrics(registry: Registry) {
  const registers = [registry];
  const batchSize = new Histogram({
    name: "tongbao_batch_size",
    help: "Commands that shared one transaction.",
    labelNames: ["operation"],
    buckets: sizeBuckets,
    registers,
  });
  const commitSeconds = new Histogram({
    name: "tongbao_commit_seconds",
    help: "Time of a batch from begin to commit.",
    labelNames: ["operation"],
    buckets: secondsBuckets,
    registers,
  });
  const batchRetries = new Counter({
    name: "tongbao_batch_retries_total",
    help: "Batches that were loaded anew.",
    labelNames: ["operation"],
    registers,
  });
  const queueDepth = new Gauge({
    name: "tongbao_queue_depth",
    help: "Commands that wait for a batch.",
    registers,
  });
  const eventsApplied = new Counter({
    name: "tongbao_events_applied_total",
    help: "Events that subscriptions have applied.",
    labelNames: ["subscription"],
    registers,
  });
  const failures = new Counter({
    name: "tongbao_work_failures_total",
    help: "Failed tries of subscriptions, deadlines, jobs and pulses; each is tried again.",
    labelNames: ["kind", "name"],
    registers,
  });
  const outsideSeconds = new Histogram({
    name: "tongbao_outside_call_seconds",
    help: "Calls to the outside, by guard and result.",
    labelNames: ["guard", "result"],
    buckets: secondsBuckets,
    registers,
  });
  const batches: BatchObserver = {
    committed(operation, size, duration) {
      batchSize.observe({ operation }, size);
      commitSeconds.observe({ operation }, duration);
    },
    queued: (depth) => queueDepth.set(depth),
    retried: (operation) => batchRetries.inc({ operation }),
  };
  return {
    /** The committers' observer. */
    batches,
    eventsApplied: (subscription: string, events: number) =>
      eventsApplied.inc({ subscription }, events),
    workFailed: (kind: "subscription" | "deadline" | "job" | "pulse", name: string) =>
      failures.inc({ kind, name }),
    outsideCall: (guard: string, result: "ok" | "failed" | "rejected", duration: number) =>
      outsideSeconds.observe({ guard, result }, duration),
  };
}

function sweepMetrics(registry: Registry) {
  const registers = [registry];
  const swept = new Counter({
    name: "tongbao_deadlines_swept_total",
    help: "Rows that were due and taken.",
    labelNames: ["deadline"],
    registers,
  });
  const seconds = new Histogram({
    name: "tongbao_sweep_seconds",
    help: "Time of a batch of due rows from begin to commit.",
    labelNames: ["deadline"],
    buckets: secondsBuckets,
    registers,
  });
  return {
    deadlineSwept(deadline: string, rows: number, duration: number): void {
      swept.inc({ deadline }, rows);
      seconds.observe({ deadline }, duration);
    },
  };
}

/** What stands and waits. All are gauges, set by measures. */
function stateMetrics(registry: Registry) {
  const registers = [registry];
  const eventLag = new Gauge({
    name: "tongbao_event_lag",
    help: "Events that are committed and not yet applied, over all tenants.",
    labelNames: ["subscription"],
    registers,
  });
  const eventsParked = new Gauge({
    name: "tongbao_events_parked",
    help: "Events that failed for good and wait for a person.",
    labelNames: ["subscription"],
    registers,
  });
  const jobBacklog = new Gauge({
    name: "tongbao_job_backlog",
    help: "Jobs that are due and that no worker has taken yet.",
    registers,
  });
  const oldestUnfinished = new Gauge({
    name: "tongbao_oldest_unfinished_seconds",
    help: "Age of the oldest thing in a state that must be left; 0 when there is none.",
    labelNames: ["machine", "state"],
    registers,
  });
  const cacheEntries = new Gauge({
    name: "tongbao_cache_entries",
    help: "Entries that a cache holds.",
    labelNames: ["cache"],
    registers,
  });
  const cacheReads = new Gauge({
    name: "tongbao_cache_reads",
    help: "Reads of a cache since the start: hit, miss, joined (waited for another's load).",
    labelNames: ["cache", "result"],
    registers,
  });
  const clockDifference = new Gauge({
    name: "tongbao_clock_difference_seconds",
    help: "By how much this machine's clock is ahead of the database's, which is the one used.",
    registers,
  });
  return {
    clockDifference: (seconds: number) => clockDifference.set(seconds),
    /** Events by subscription; those of before are forgotten. */
    eventLags: (events: ReadonlyMap<string, number>) => setAll(eventLag, events),
    eventsParked: (events: ReadonlyMap<string, number>) => setAll(eventsParked, events),
    jobBacklog: (jobs: number) => jobBacklog.set(jobs),
    oldestUnfinished: (machine: string, state: string, seconds: number) =>
      oldestUnfinished.set({ machine, state }, seconds),
    cache(cache: string, figures: CacheFigures): void {
      cacheEntries.set({ cache }, figures.entries);
      cacheReads.set({ cache, result: "hit" }, figures.hits);
      cacheReads.set({ cache, result: "miss" }, figures.misses);
      cacheReads.set({ cache, result: "joined" }, figures.joined);
    },
  };
}

function setAll(gauge: Gauge<"subscription">, events: ReadonlyMap<string, number>): void {
  // One that is no more would stand there with its last figure for ever.
  gauge.reset();
  for (const [subscription, count] of events) gauge.set({ subscription }, count);
}

export interface CacheFigures {
  readonly entries: number;
  readonly hits: number;
  readonly misses: number;
  readonly joined: number;
}
