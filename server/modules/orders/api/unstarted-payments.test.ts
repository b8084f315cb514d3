/** Orders whose payment the channel never let begin: nothing waits for ever, and it is seen. */
import { afterAll, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { minuteMs, secondMs } from "../../../kernel/time.ts";
import { stockSku } from "../../../testing/goods.ts";
import { ordersReactions } from "../reactions.ts";
import { openStand } from "./testing/stand.ts";

const stand = await openStand();
afterAll(() => stand.stop());
const { call, control, catalog, tenantId, ids, database, orders } = stand;

/** A product of one SKU with `units` on the shelf. */
const sell = (units: bigint) => stockSku({ catalog, ids }, tenantId, { units });

/** Nothing of this kind reaches WeChat Pay; gives the way to let it through again. */
function cutOff(operation: "prepay" | "close"): () => void {
  const match = { channel: "wechatpay", operation } as const;
  const rule = control.faults.add({ kind: "drop_request", match, probability: 1 });
  if ("refused" in rule) throw new Error(rule.refused);
  return () => void control.faults.remove(rule.id);
}

const over = (channel: string) => ({ channel, method: "native" });
const read = async (id: string) => (await call("GET", `/${id}`)).json;
const pay = (id: string, channel: string, key: string = ids.next()) =>
  call("POST", `/${id}/payments`, { body: over(channel), key });

/** An order that somebody has tried to pay again and again, in vain. */
async function triedInVain(skuId: string) {
  const body = { memberId: "m-1", lines: [{ skuId, quantity: 1 }] };
  const { json: order } = await call("POST", "", { body });
  const key = ids.next();
  for (let tries = 1; tries <= 3; tries += 1) {
    const { status, json } = await pay(order.id, "wechatpay", key);
    expect([status, json.code]).toEqual([503, "channel_unavailable"]);
  }
  expect((await read(order.id)).state).toBe("paying");
  return { id: order.id as string, key, attemptId: await onlyAttempt(order.id) };
}

async function query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
  return (await required(database.pools()[0], "a pool").query<Row>(text, values)).rows;
}

/** All tries of one key are one attempt. */
async function onlyAttempt(orderId: string): Promise<string> {
  const rows = await query<{ id: string }>(
    `select a.id from payments.attempts a
     join payments.payments p on p.tenant_id = a.tenant_id and p.id = a.payment_id
     where a.tenant_id = $1 and p.reference = $2`,
    [tenantId, orderId],
  );
  expect(rows).toHaveLength(1);
  return required(rows[0], "the attempt").id;
}

/** What the metrics show of unpaid orders, by state, in minutes. */
async function oldestUnpaid(): Promise<Record<string, number>> {
  const { oldest } = required(ordersReactions(orders).watches[0], "the watch of unpaid orders");
  const rows = await query<{ state: string; since: number }>(oldest.text);
  const ages = rows.map(({ state, since }) => [state, (stand.clock.now() - since) / minuteMs]);
  return Object.fromEntries(ages);
}

test("a payment that never started is taken back, and the order is paid another way [PAY-15]", async () => {
  const reach = cutOff("prepay");
  const { id, key, attemptId } = await triedInVain(await sell(1n));
  await stand.advance(31 * secondMs);
  await stand.askAttempt(attemptId);
  const { status, json } = await pay(id, "wechatpay", key);
  expect([status, json]).toMatchObject([409, { code: "attempt_over", facts: { state: "closed" } }]);
  const { json: second } = await pay(id, "alipay");
  await stand.payOutside(second);
  await stand.askAttempt(second.attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("paid");
  reach();
});

test("a payment that never started ends with its order's time, however long nobody answers [ORD-07]", async () => {
  const skuId = await sell(1n);
  const reach = [cutOff("prepay"), cutOff("close")];
  const { id, attemptId } = await triedInVain(skuId);
  expect(Object.keys(await oldestUnpaid())).toEqual(["paying"]);
  await stand.advance(30 * minuteMs);
  expect((await oldestUnpaid())["paying"]).toBeGreaterThanOrEqual(30);
  await database.transaction(tenantId, (tx) => orders.closeDueOrders(tx, 100));
  await stand.askAttempt(attemptId);
  await stand.advance(10 * minuteMs);
  await stand.askAttempt(attemptId);
  // The channel might have taken it; until it says so, the unit is kept and somebody sees it.
  expect((await read(id)).state).toBe("closing");
  const { closing, ...others } = await oldestUnpaid();
  expect([Math.floor(closing ?? 0), others]).toEqual([10, {}]);
  for (const through of reach) through();
  await stand.askAttempt(attemptId);
  await stand.heard(tenantId);
  expect((await read(id)).state).toBe("closed");
  expect((await pay(id, "wechatpay")).json.code).toBe("payment_not_open");
  expect(await catalog.readStock(tenantId, skuId)).toMatchObject({ onHand: 1n, held: 0n });
  expect(await oldestUnpaid()).toEqual({});
});
