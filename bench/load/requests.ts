/** What is sent: the same orders by every generator, and prepared requests as they stand. */

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

/** The n-th order of a load, counted from 1; wrk.lua writes the very same. */
export function orderText(load: OrderLoad, n: number): string {
  const at = n % load.skuIds.length;
  const skuId = load.skuIds[at] ?? "";
  const saleId = load.saleIds?.[at];
  const sale = saleId === undefined ? "" : `"saleId":"${saleId}",`;
  // A step that is prime to their number spreads neighbours over all members.
  const member = (firstMemberOf(load.run) + n * 7_919) % membersMax;
  const body = `{${sale}"memberId":"m-${member}","lines":[{"skuId":"${skuId}","quantity":1}]}`;
  return requestText({
    address: load.address,
    path: "/v1/orders",
    headers: {
      Authorization: `Bearer ${load.token}`,
      "Content-Type": "application/json",
      "Idempotency-Key": `${load.run}-${n}`,
    },
    body,
  });
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
