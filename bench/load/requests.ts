/** What is sent: the same orders by every generator, and prepared requests as they stand. */

import { required } from "../../server/kernel/assert.ts";

export interface OrderLoad {
  readonly address: string;
  readonly token: string;
  readonly skuIds: readonly string[];
  /** No two loads of a bench have the same: it begins every Idempotency-Key. */
  readonly run: string;
  /** The sale of each SKU; without them the orders are of no sale. */
  readonly saleIds?: readonly string[];
}

/** So many that a member rarely comes twice, as in a flash sale. */
export const membersMax = 1_000_000;

/** Where the members of a load begin: those of the next one are others. */
export function firstMemberOf(run: string): number {
  // Further than a load comes, and prime to the number of members.
  return (Number(/\d*$/.exec(run)?.[0]) * 123_457) % membersMax;
}

/**
 * Gives the n-th order of a load, counted from 1; wrk.lua writes the very same. What they share is
 * put together once: the generator works on the processors that it measures.
 */
export function createOrderTexts(load: OrderLoad): (n: number) => string {
  const { address, token, run, skuIds, saleIds = [] } = load;
  const head =
    `POST /v1/orders HTTP/1.1\r\nHost: ${new URL(address).host}\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
    `Idempotency-Key: ${run}-`;
  const bodies = skuIds.map((skuId, at) => {
    const saleId = saleIds[at];
    const sale = saleId === undefined ? "" : `"saleId":"${saleId}",`;
    const lines = `"lines":[{"skuId":"${skuId}","quantity":1}]`;
    return { begin: `{${sale}"memberId":"m-`, end: `",${lines}}` };
  });
  const firstMember = firstMemberOf(run);
  return (n) => {
    const { begin, end } = required(bodies[n % bodies.length], "a SKU");
    // A step that is prime to their number spreads neighbours over all members.
    const body = `${begin}${(firstMember + n * 7_919) % membersMax}${end}`;
    return `${head}${n}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  };
}

export function requestText(request: {
  readonly address: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}): string {
  const { path, body } = request;
  const headers = {
    Host: new URL(request.address).host,
    ...request.headers,
    "Content-Length": String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** The form in which the generator reads prepared requests. */
export function listText(requests: readonly string[]): string {
  return requests.map((text) => `${Buffer.byteLength(text)}\n${text}`).join("");
}
