import { parseInstant, secondMs } from "../../kernel/time.ts";

export type Fetch = typeof globalThis.fetch;

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /**
   * A reply that is longer is not read to its end: it would be somebody's attempt on our memory.
   */
  readonly replyBytesMax: number;
}

export interface HttpReply {
  readonly kind: "reply";
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** Nobody can say whether the other side has acted on the request. */
export interface NoReply {
  readonly kind: "no_reply";
  readonly why: string;
}

/** Replies of an API are a few kilobytes; this leaves room for every field at its longest. */
export const apiReplyBytesMax = 1024 * 1024;
/** A statement of a day with 200,000 trades is about 60 MB of text. */
export const statementBytesMax = 64 * 1024 * 1024;

/**
 * One call over the process's keep-alive connections. It ends within `signal` and never throws for
 * what the network does; redirects are not followed, since they would carry a signed request away.
 */
export async function callHttp(
  fetch: Fetch,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpReply | NoReply> {
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: "manual",
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    const body = await readBody(response, request.replyBytesMax);
    if (body === undefined) {
      return { kind: "no_reply", why: `the reply exceeds ${request.replyBytesMax} bytes` };
    }
    return { kind: "reply", status: response.status, headers: response.headers, body };
  } catch (error) {
    if (signal.aborted) return { kind: "no_reply", why: "the time for the call ran out" };
    return { kind: "no_reply", why: `the call failed: ${networkReason(error)}` };
  }
}

/** How long the other side asks us to wait, in milliseconds; seconds or a date by RFC 9110. */
export function retryAfterMs(headers: Headers, nowMs: number): number | undefined {
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text) * secondMs;
  const at = parseInstant(text) ?? Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}

/** Undefined when the body is longer than allowed; leaving the loop cancels the rest. */
async function readBody(response: Response, bytesMax: number): Promise<Buffer | undefined> {
  if (response.body === null) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.byteLength;
    if (length > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** fetch says only "fetch failed"; the system's code (ECONNREFUSED) stands in the cause. */
function networkReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (cause instanceof Error) {
    return "code" in cause ? `${String(cause.code)} ${cause.message}`.trim() : cause.message;
  }
  return error.message;
}
