/** What is sent: the same orders by every generator, and prepared requests as they stand. */

export interface OrderLoad {
  readonly address: string;
  readonly token: string;
  readonly skuIds: readonly string[];
  /** No two loads of a bench have the same: it begins every Idempotency-Key. */
  readonly run: string;
  /** Orders of this sale; without it they are orders from the shelf. */
  readonly saleId?: string;
}

/** Members who come back: as many as buy within some minutes of a busy shop. */
export const membersMax = 100_000;

/** The n-th order of a load, counted from 1; wrk.lua writes the very same. */
export function orderText(load: OrderLoad, n: number): string {
  const skuId = load.skuIds[n % load.skuIds.length] ?? "";
  const sale = load.saleId === undefined ? "" : `"saleId":"${load.saleId}",`;
  // A step that is prime to their number spreads neighbours over all members.
  const member = (n * 7_919) % membersMax;
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
