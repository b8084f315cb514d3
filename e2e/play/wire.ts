/**
 * The wire between callers and the processes of a platform. It gives each request to the next
 * process, or to another one where nobody listens any more, and it hears what comes back: every
 * answer must be a success, a clear refusal, or 503 with the word when to come again.
 */
import type { Schema } from "../../sdk/index.ts";
import type { Finding } from "./audit.ts";
import { codeOf, NobodyListens, NoReply, whyOf } from "./patience.ts";

/** An order as its caller was told of it, with the request that asked for it. */
export interface Acknowledged {
  readonly id: string;
  readonly memberId: string;
  readonly key: string;
  readonly body: string;
}

export interface Heard {
  successes: number;
  refusals: number;
  /** Answers 503 and 429: come later. */
  later: number;
  /** Nobody listened there, and the request went to another process. */
  movedOn: number;
  /** Requests that were sent and got no answer, and why. */
  readonly silent: string[];
  /** Answers that no caller should ever get. */
  readonly wrong: string[];
  /** Orders whose time is not that of the world. */
  readonly wrongTimes: string[];
  /** By the id of the order. */
  readonly orders: Map<string, Acknowledged>;
  /** Orders that somebody has asked to cancel, heard or not. */
  readonly cancels: Set<string>;
}

export type Wire = ReturnType<typeof createWire>;

const placing = "/v1/orders";
const cancelling = /^\/v1\/orders\/([^/]+)\/cancel$/;
/** All processes are on this machine, but each reads the time through the database's answer. */
const clockMsMax = 2_000;

export function createWire(addresses: readonly string[]) {
  const heard: Heard = {
    successes: 0,
    refusals: 0,
    later: 0,
    movedOn: 0,
    silent: [],
    wrong: [],
    wrongTimes: [],
    orders: new Map(),
    cancels: new Set(),
  };
  /** When a key was sent first: an answer may be that of an earlier try. */
  const sentFirst = new Map<string, number>();
  let turn = 0;

  async function send(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const { method, headers, signal } = request;
    const body = method === "GET" ? undefined : await request.text();
    const key = headers.get("idempotency-key") ?? "";
    if (method === "POST") noteSending(pathname, key);
    const given = body === undefined || body === "" ? {} : { body };
    const response = await deliver(pathname + search, { method, headers, signal, ...given });
    await judge(response, `${method} ${pathname}`);
    if (method === "POST" && pathname === placing && response.status === 201) {
      const order = (await response.clone().json()) as Schema<"Order">;
      noteOrder(order, key, body ?? "");
    }
    return response;
  }

  async function deliver(path: string, init: RequestInit): Promise<Response> {
    for (let tries = 1; ; tries += 1) {
      turn += 1;
      const address = addresses[turn % addresses.length] ?? "";
      try {
        return await fetch(address + path, init);
      } catch (error) {
        if (!isRefused(error)) {
          heard.silent.push(`${init.method} ${path}: ${whyOf(error)}`);
          throw new NoReply(address, error);
        }
        heard.movedOn += 1;
        if (tries === addresses.length) throw new NobodyListens(error);
      }
    }
  }

  function noteSending(path: string, key: string): void {
    const [, cancelled] = cancelling.exec(path) ?? [];
    if (cancelled !== undefined) heard.cancels.add(cancelled);
    if (path === placing && !sentFirst.has(key)) sentFirst.set(key, Date.now());
  }

  async function judge(response: Response, what: string): Promise<void> {
    const { status, headers } = response;
    if (status < 400) {
      heard.successes += 1;
      return;
    }
    const code = codeOf(await response.clone().text());
    if (status === 503 || status === 429) {
      heard.later += 1;
      if (headers.get("retry-after") !== null) return;
      heard.wrong.push(`${what} was answered ${status} (${code}) without when to come again`);
    } else if (status < 500 && status !== 401 && status !== 403 && code !== undefined) {
      heard.refusals += 1;
    } else {
      heard.wrong.push(`${what} was answered ${status} (${code ?? "no problem"})`);
    }
  }

  function noteOrder(order: Schema<"Order">, key: string, body: string): void {
    const { id, memberId, number, placedAt } = order;
    const earlier = heard.orders.get(id);
    if (earlier === undefined) heard.orders.set(id, { id, memberId, key, body });
    else if (earlier.key !== key)
      heard.wrong.push(`${earlier.key} and ${key} gave one order, ${id}`);
    const at = Date.parse(placedAt);
    const from = (sentFirst.get(key) ?? at) - clockMsMax;
    if (at >= from && at <= Date.now() + clockMsMax) return;
    heard.wrongTimes.push(
      `the order ${number} was placed at ${placedAt}, but it was not that time`,
    );
  }

  return { fetch: send, heard };
}

/** As sentences beside those of the audit. */
export function judgeWire(heard: Heard): Finding[] {
  const { successes, refusals, later, movedOn, silent } = heard;
  const answers = `${successes} successes, ${refusals} clear refusals, ${later} times "come later"`;
  const others = `${silent.length} requests got no answer, ${movedOn} went on to another process`;
  return [
    {
      sentence: `every answer was one that a caller can act on: ${answers}; ${others}`,
      contradictions: heard.wrong,
    },
    {
      sentence: `${heard.orders.size} orders were placed at the time that it was`,
      contradictions: heard.wrongTimes,
    },
  ];
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}
