/**
 * The load generator for what wrk cannot do, and for machines without wrk: HTTP over plain sockets,
 * in a process of its own. Either each connection sends its next request when it has its answer, or
 * requests leave at a fixed rate whatever the answers are; then the latency counts from the moment
 * at which a request was due, so that a server which stalls does not slow down its own measure.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { required } from "../../server/kernel/assert.ts";
import type { Counts, GeneratorLoad } from "./load.ts";
import { createOrderTexts } from "./requests.ts";

/** Beyond these a server that does not answer would take all the memory of the machine. */
const connectionsMax = 9_000;
/** Whoever has not answered by then is broken. */
const answerTimeoutMs = 20_000;
/** Latencies are told to so much. */
const tickMs = 2;

interface Connection {
  readonly socket: Socket;
  /** Where in the list of processes the one stands that it leads to. */
  readonly target: number;
  /** What has come of the next answer. */
  received: Buffer | undefined;
  /** When the request under way was due; undefined while none is. */
  dueAt: number | undefined;
}

const load: GeneratorLoad = JSON.parse(
  readFileSync(required(process.env["BENCH_CELL"], "BENCH_CELL"), "utf8"),
);
const targets = (load.addresses ?? [load.address]).map((address) => new URL(address));
const requests = load.requestsPath === undefined ? undefined : readRequests(load.requestsPath);
const orderText = createOrderTexts(load);
const latenciesMs: number[] = [];
const acceptedIds: string[] = [];
/** For each process that answers: those of its connections that wait for a request. */
const idle: Connection[][] = targets.map(() => []);
const waiting: number[] = [];
/** Of answers that were neither 2xx nor 503, how many had which status. */
const others: Record<number, number> = {};
const totals = { sent: 0, answered: 0, created: 0, shed: 0, broken: 0, inTime: 0 };
/** Takes what has just come, for one connection after the other. */
const inbox = Buffer.alloc(65_536);
const neverWoken = new Int32Array(new SharedArrayBuffer(4));
/** Connections that there have ever been. */
let begun = 0;
/** Those that have not ended. */
let opened = 0;
/** Those that are not connected yet. */
let opening = 0;
/** The process that got the newest request. */
let turn = 0;
let sendUntil = Number.POSITIVE_INFINITY;
let underWay = 0;
let lastAnswerAt = 0;

await Promise.all(Array.from({ length: load.connections }, open));
const startedAt = performance.now();
if (load.seconds !== undefined) sendUntil = startedAt + load.seconds * 1000;
if (load.perSecond === undefined) for (const connection of idle.flat()) sendNext(connection);
else await sendAtRate(load.perSecond);
await answersIn();
report();

/** One request after the other on each connection, until the time or the list is over. */
function sendNext(connection: Connection): void {
  const now = performance.now();
  const isOver = requests !== undefined && totals.sent >= requests.length;
  if (isOver || now >= sendUntil) return void connection.socket.end();
  send(connection, now);
}

async function sendAtRate(perSecond: number): Promise<void> {
  let planned = 0;
  while (performance.now() < sendUntil) {
    const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1000);
    for (; planned < due; planned += 1) {
      const dueAt = startedAt + (planned * 1000) / perSecond;
      const connection = takeIdle();
      if (connection !== undefined) send(connection, dueAt);
      else waiting.push(dueAt);
    }
    while (opening < waiting.length && opened < connectionsMax) void open();
    await tick();
  }
}

/**
 * Sleeps, and then takes what has come meanwhile in one go. If it waited for answers, each would
 * wake it up at the expense of the server, for half of the price of writing it.
 */
async function tick(): Promise<void> {
  Atomics.wait(neverWoken, 0, 0, tickMs);
  await new Promise((resolve) => setImmediate(resolve));
}

/**
 * The processes take turns, as behind a proxy: who refuses at once would otherwise get what comes
 * next, too. Of one's connections the last one used, as the pools of proxies and clients do.
 */
function takeIdle(): Connection | undefined {
  for (let tried = 0; tried < targets.length; tried += 1) {
    turn = (turn + 1) % targets.length;
    const pool = required(idle[turn], "a target");
    let connection = pool.pop();
    while (connection?.socket.writable === false) connection = pool.pop();
    if (connection !== undefined) return connection;
  }
  return undefined;
}

function send(connection: Connection, dueAt: number): void {
  const text = requests?.[totals.sent] ?? orderText(totals.sent + 1);
  totals.sent += 1;
  underWay += 1;
  connection.dueAt = dueAt;
  // Nothing but ASCII, which is the cheapest to write.
  connection.socket.write(text, "latin1");
}

/** Gives the connection to who waits for one. */
function free(connection: Connection): void {
  if (load.perSecond === undefined) return sendNext(connection);
  const dueAt = waiting.shift();
  if (dueAt === undefined) rest(connection);
  else send(connection, dueAt);
}

function rest(connection: Connection): void {
  required(idle[connection.target], "a target").push(connection);
}

function open(): Promise<void> {
  const target = begun % targets.length;
  const { hostname, port } = required(targets[target], "an address");
  begun += 1;
  opened += 1;
  opening += 1;
  const socket = connect({
    host: hostname,
    port: Number(port),
    noDelay: true,
    onread: {
      buffer: inbox,
      callback: (bytes) => {
        receive(connection, inbox.subarray(0, bytes));
        return true;
      },
    },
  });
  const connection: Connection = { socket, target, received: undefined, dueAt: undefined };
  return new Promise((resolve) => {
    const settle = () => {
      opening -= 1;
      resolve();
    };
    socket.once("connect", () => {
      socket.off("close", settle);
      settle();
      if (load.perSecond === undefined) rest(connection);
      else free(connection);
    });
    socket.on("error", () => undefined);
    socket.once("close", settle);
    socket.once("close", () => {
      opened -= 1;
      if (connection.dueAt === undefined) return;
      underWay -= 1;
      totals.broken += 1;
    });
  });
}

function receive(connection: Connection, chunk: Buffer): void {
  // Nobody has asked: it is told that its time is over.
  if (connection.dueAt === undefined) return void connection.socket.destroy();
  const { received } = connection;
  const all = received === undefined ? chunk : Buffer.concat([received, chunk]);
  const headEnd = all.indexOf("\r\n\r\n");
  const head = headEnd < 0 ? "" : all.toString("latin1", 0, headEnd);
  const bodyBytes = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
  const bodyAt = headEnd + 4;
  if (headEnd < 0 || all.length < bodyAt + bodyBytes) {
    // The inbox is the next one's.
    connection.received = Buffer.from(all);
    return;
  }
  count(connection, Number(head.slice(9, 12)), () =>
    all.toString("utf8", bodyAt, bodyAt + bodyBytes),
  );
  connection.received = undefined;
  connection.dueAt = undefined;
  free(connection);
}

function count(connection: Connection, status: number, body: () => string): void {
  const now = performance.now();
  underWay -= 1;
  totals.answered += 1;
  lastAnswerAt = now;
  if (status === 503) totals.shed += 1;
  else if (status > 299) others[status] = (others[status] ?? 0) + 1;
  if (status < 200 || status > 299) return;
  totals.created += 1;
  if (now <= sendUntil) totals.inTime += 1;
  latenciesMs.push(now - (connection.dueAt ?? now));
  if (load.idsPath === undefined) return;
  acceptedIds.push(/"id":"([0-9a-f-]{36})"/.exec(body())?.[1] ?? "");
}

async function answersIn(): Promise<void> {
  const isFinished = () =>
    underWay === 0 &&
    waiting.length === 0 &&
    (requests === undefined || load.perSecond !== undefined
      ? performance.now() >= sendUntil
      : totals.sent >= requests.length || opened === 0);
  let deadline = Math.min(sendUntil, performance.now() + 3_600_000) + answerTimeoutMs;
  if (requests !== undefined) deadline = Number.POSITIVE_INFINITY;
  while (!isFinished() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    // A list has no end in time: it is over when nothing has been answered for long.
    if (requests !== undefined && performance.now() - lastProgressAt() > answerTimeoutMs) break;
  }
}

function lastProgressAt(): number {
  return Math.max(lastAnswerAt, startedAt);
}

function report(): void {
  if (load.idsPath !== undefined) appendFileSync(load.idsPath, `${acceptedIds.join("\n")}\n`);
  const sorted = Float64Array.from(latenciesMs).toSorted();
  const at = (share: number) => sorted[Math.ceil(sorted.length * share) - 1] ?? 0;
  const { sent, answered, created, shed, broken, inTime } = totals;
  const isAtRate = load.perSecond !== undefined;
  const counts: Counts = {
    sent,
    answered,
    created,
    shed,
    // Who never got a connection waited in vain as well.
    broken: broken + underWay + waiting.length,
    others,
    // What is answered after the last sending comes out of a queue that empties.
    counted: isAtRate ? inTime : created,
    seconds: isAtRate ? (load.seconds ?? 0) : (lastAnswerAt - startedAt) / 1000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
  process.stdout.write(`RESULT ${JSON.stringify(counts)}\n`, () => process.exit(0));
}

/** Whole requests one after the other, each behind a line that tells its length. */
function readRequests(path: string): Buffer[] {
  const bytes = readFileSync(path);
  const found: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    const lineEnd = bytes.indexOf("\n", at);
    const length = Number(bytes.toString("latin1", at, lineEnd));
    found.push(bytes.subarray(lineEnd + 1, lineEnd + 1 + length));
    at = lineEnd + 1 + length;
  }
  return found;
}
