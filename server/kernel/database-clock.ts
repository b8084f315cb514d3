/**
 * One clock for all processes: PostgreSQL's. Each process asks it every second and goes on by its
 * own monotonic time in between, which no person and no time service can set. What the system says
 * the time is plays no part, so a sale opens and closes at the same instant on all machines.
 */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import type { Log } from "./log.ts";
import type { Clock } from "./time.ts";
import { secondMs, systemClock } from "./time.ts";
import { createWakeup } from "./wakeup.ts";

/** An answer of the database: it read its time at some moment between sending and receiving. */
export interface ClockReading {
  /** Milliseconds of this process's monotonic time. */
  readonly sentAt: number;
  readonly receivedAt: number;
  /** Epoch milliseconds. */
  readonly databaseMs: number;
}

export interface SteeredClock extends Clock {
  /** Takes in a reading; what is shown changes as `createSteeredClock` says. */
  steer(reading: ClockReading): void;
}

/** Under load one answer in several comes without waiting; eight are asked within eight seconds. */
const readingsMax = 8;
/** Monotonic times of two machines part by at most twice what a time service slews (500 ppm). */
const driftMsPerMs = 0.001;
/** A difference is worked off by half of the time that passes: 10 ms are gone after 20. */
const slewShare = 0.5;
/** More than any round trip of a healthy database, less than a person or a time-out notices. */
const stepMsMin = 100;

/**
 * Monotonic time plus an offset, in whole milliseconds since 1970.
 *
 * A reading says that the offset lies between `databaseMs - receivedAt` and `databaseMs - sentAt`;
 * the middle is off by half of the round trip at most. Of the last readings the one with the
 * shortest round trip is believed. Readings that exclude each other show that one of the two times
 * has jumped (the machine slept, the database's clock was set, another server took over): then all
 * but the newest are forgotten.
 *
 * - It never goes back, for what was opened would close again, and waits would grow by the jump.
 *   When it is ahead it runs at half speed until the database has come up, however far that is;
 *   a process started anew takes the database's time at once.
 * - When it is behind it runs half as fast again. When it is certainly far behind, as after the
 *   machine has slept, it takes what is certain at once and nothing on mere suspicion: an answer,
 *   however slow, moves it to the time that it brings and no further.
 * - Without readings it goes on by the offset it has.
 */
export function createSteeredClock(
  monotonicMs: () => number,
  first: readonly ClockReading[],
): SteeredClock {
  let readings: readonly ClockReading[] = [];
  let offsetMs = 0;
  /** What is still missing to the offset: shown is monotonic time plus offset less this. */
  let missingMs = 0;
  let slewedAt = 0;
  let shownMs = Number.NEGATIVE_INFINITY;

  function slew(at: number): void {
    const reachMs = (at - slewedAt) * slewShare;
    slewedAt = at;
    if (Math.abs(missingMs) <= reachMs) missingMs = 0;
    else missingMs -= Math.sign(missingMs) * reachMs;
  }

  function keep(reading: ClockReading): void {
    const kept = readings.every((former) => agree(former, reading)) ? readings : [];
    readings = [...kept, reading].slice(-readingsMax);
    offsetMs = middle(readings.toSorted((a, b) => roundTripMs(a) - roundTripMs(b))[0] ?? reading);
  }

  for (const reading of first) keep(reading);

  return {
    now() {
      const at = monotonicMs();
      if (missingMs !== 0) slew(at);
      // Slewing sums up fractions whose rounding must not show as a step back.
      shownMs = Math.max(shownMs, Math.floor(at + offsetMs - missingMs));
      return shownMs;
    },

    steer(reading) {
      slew(monotonicMs());
      const shownOffsetMs = offsetMs - missingMs;
      keep(reading);
      const certainMs = Math.min(reading.databaseMs - reading.receivedAt, offsetMs);
      const isFarBehind = certainMs - shownOffsetMs > stepMsMin;
      missingMs = offsetMs - (isFarBehind ? certainMs : shownOffsetMs);
    },
  };
}

function roundTripMs({ sentAt, receivedAt }: ClockReading): number {
  return receivedAt - sentAt;
}

function middle({ sentAt, receivedAt, databaseMs }: ClockReading): number {
  return databaseMs - (sentAt + receivedAt) / 2;
}

/** One offset can have given both, as far as monotonic times may part in between. */
function agree(a: ClockReading, b: ClockReading): boolean {
  const apartMs = Math.abs(middle(a) - middle(b));
  const ageMs = Math.abs(a.receivedAt - b.receivedAt);
  return apartMs <= (roundTripMs(a) + roundTripMs(b)) / 2 + ageMs * driftMsPerMs;
}

/** The clock that everything in the server is given. */
export interface DatabaseClock extends Clock {
  /** Milliseconds by which the system's clock is ahead of this one; negative when behind. */
  systemAheadMs(): number;
  stop(): Promise<void>;
}

export interface DatabaseClockOptions {
  readonly url: string;
  readonly log: Pick<Log, "info" | "warn">;
  /** Between two readings. */
  readonly everyMs?: number;
}

/** At the start the shortest of so many round trips; connecting has warmed nothing up yet. */
const firstReadings = 5;
const firstPauseMs = 2;
/** Slower answers tell too little, and a connection that hangs is noticed. */
const answerTimeoutMs = 2_000;
/** Certificates and the logs of others show the system's time: more than this confuses people. */
const systemAheadMsMax = secondMs;

/** To the microsecond, and not that of a transaction's start. */
const readTime = "select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms";

/**
 * Reads the database's time before it returns, so that nothing is ever decided by another, then on
 * and on over a connection of its own, where no reading waits behind business. Rejects when the
 * database does not answer at the start; later it says so once and goes on by itself.
 */
export async function followDatabaseClock(options: DatabaseClockOptions): Promise<DatabaseClock> {
  const { url, log, everyMs = secondMs } = options;
  const monotonicMs = () => performance.now();
  const wakeup = createWakeup();
  let stopping = false;
  let hears = true;
  let isSystemRight = true;
  let client: pg.Client | undefined = await connect(url);
  const first: ClockReading[] = [];
  for (let count = 0; count < firstReadings; count += 1) {
    if (count > 0) await sleep(firstPauseMs);
    first.push(await readOnce(client, monotonicMs));
  }
  const clock = createSteeredClock(monotonicMs, first);
  const systemAheadMs = () => systemClock.now() - clock.now();
  compareWithSystem();

  async function hear(): Promise<void> {
    try {
      client ??= await connect(url);
      clock.steer(await readOnce(client, monotonicMs));
      if (!hears) log.info("the database's time is read again");
      hears = true;
    } catch (error) {
      if (hears)
        log.warn({ error }, "the database's time is not read; the clock goes on by itself");
      hears = false;
      await close();
    }
  }

  async function close(): Promise<void> {
    const former = client;
    client = undefined;
    await former?.end().catch(() => undefined);
  }

  function compareWithSystem(): void {
    const aheadMs = systemAheadMs();
    const isRight = Math.abs(aheadMs) <= systemAheadMsMax;
    if (isRight === isSystemRight) return;
    isSystemRight = isRight;
    if (isRight) log.info("the system's clock is right again");
    else log.warn({ aheadMs }, "the system's clock is wrong; the database's time holds");
  }

  const following = (async () => {
    while (!stopping) {
      await wakeup.wait(everyMs);
      if (stopping) break;
      await hear();
      compareWithSystem();
    }
    await close();
  })();

  return {
    now: clock.now,
    systemAheadMs,
    async stop() {
      stopping = true;
      wakeup.hint();
      await following;
    },
  };
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: answerTimeoutMs,
    query_timeout: answerTimeoutMs,
    application_name: "tongbao-clock",
  });
  // The next reading fails and tells; without a handler the loss would end the process.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

async function readOnce(client: pg.Client, monotonicMs: () => number): Promise<ClockReading> {
  const sentAt = monotonicMs();
  const { rows } = await client.query<{ ms: number }>({ name: "kernel.clock", text: readTime });
  const receivedAt = monotonicMs();
  const databaseMs = rows[0]?.ms;
  if (databaseMs === undefined) throw new Error("the database told no time");
  return { sentAt, receivedAt, databaseMs };
}
