/** What callers see of a database that stands still, and what has become of everything after it. */
import { afterAll, expect, test } from "vitest";
import { holdLock, rawConnection, untilBlocked } from "./kernel/testing/connections.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import { stockSku } from "./testing/goods.ts";
import { startTestPlatform } from "./testing/platform.ts";

const { url } = await testDatabase();
const platform = await startTestPlatform({ url });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await platform.stop();
});
const { tenantId, tokens } = await platform.createTenant("Harbour Mall");

function call(method: "GET" | "POST", path: string, body?: object): Promise<Response> {
  return fetch(`${platform.baseUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${tokens.service}`,
      "idempotency-key": platform.ids.next(),
      "content-type": "application/json",
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

const sell = (units: number) => stockSku(platform, tenantId, { units: BigInt(units) });

test("a standstill sends the crowd off at once, keeps its word, and is over when it is over", async () => {
  const skuId = await sell(1_000);
  const order = () =>
    call("POST", "/v1/orders", { memberId: "m-1", lines: [{ skuId, quantity: 1 }] });
  expect((await order()).status).toBe(201);

  const lock = await holdLock(
    url,
    "select 1 from ledger.balances where tenant_id = $1 order by account_id for update",
    [tenantId],
  );
  const accepted = Array.from({ length: 100 }, order);
  await untilBlocked(raw);
  // Who comes before the queue is full has a place in it, and waits as the first hundred do.
  const isSentOff = async () => {
    const asked = order();
    accepted.push(asked);
    const reply = await Promise.race([asked, call("GET", "/v1/orders")]);
    return reply.status;
  };
  await expect.poll(isSentOff, { timeout: 10_000 }).toBe(503);
  const sentOff = await Promise.all(Array.from({ length: 20 }, order));
  for (const reply of sentOff) {
    expect(reply.status).toBe(503);
    expect(["1", "2", "3"]).toContain(reply.headers.get("retry-after"));
    expect(await reply.json()).toMatchObject({ code: "overloaded" });
  }
  for (const path of ["/healthz", "/readyz", "/metrics", `/v1/skus/${skuId}`, "/v1/orders"])
    expect([path, (await call("GET", path)).status]).toEqual([path, 200]);

  await lock.release();
  const late = await Promise.all(accepted);
  const answers = await Promise.all(
    late.map(async (reply) => ({ status: reply.status, text: await reply.text() })),
  );
  const placed = answers
    .filter(({ status }) => status === 201)
    .map(({ text }): string => JSON.parse(text).id);
  expect(placed.length).toBeGreaterThanOrEqual(100);
  await expect.poll(async () => (await order()).status).toBe(201);
  const { rows } = await raw.query<{ id: string }>(
    "select id from orders.orders where tenant_id = $1 order by id",
    [tenantId],
  );
  expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining(placed));
  // The first one, and the one that came after it all.
  expect(rows).toHaveLength(placed.length + 2);
});
