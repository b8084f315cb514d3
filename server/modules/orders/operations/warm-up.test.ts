import { afterAll, expect, test } from "vitest";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, minuteMs } from "../../../kernel/time.ts";
import { openFlashSale, order, startProcess } from "./testing/flash-sale.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
/** One that makes sales, and one that has just been started. */
const elsewhere = startProcess({ url, clock });
const here = startProcess({ url, clock });
afterAll(async () => {
  await elsewhere.stop();
  await here.stop();
});

test("before the opening a process has read all that the first order needs [FLS-03]", async () => {
  const sale = await openFlashSale(elsewhere, clock, { opensInMs: 5 * minuteMs + 1 });
  expect(await here.orders.warmUp()).toEqual([]);
  clock.advance(1);
  here.taken();
  expect(await here.orders.warmUp()).toEqual([sale.saleId]);
  const sent = here.taken();
  const ofEachHotConnection = [
    "begin",
    "sales.lock_sales",
    "sales.load_named_items",
    "ledger.lock_accounts",
    "catalog.load_skus",
    "kernel.load_kept_answers",
  ];
  for (const name of ofEachHotConnection) {
    expect(
      sent.filter((each) => each === name),
      name,
    ).toHaveLength(2);
  }
  expect(sent).toContain("identity.load_signing_keys");
});

test("it places no order, holds nothing and keeps no answer, also when the sale is open", async () => {
  const sale = await openFlashSale(elsewhere, clock, { units: 1, opensInMs: 1 });
  clock.advance(1);
  here.taken();
  expect(await here.orders.warmUp()).toContain(sale.saleId);
  const writes = here.taken().filter((name) => /insert|update|keep_answers|append/.test(name));
  expect(writes).toEqual([]);
  expect(await order(here, sale, "m-1")).toMatchObject({ status: 201 });
});

test("what a tenant has chosen and the keys of tokens are known when the rush begins", async () => {
  const sale = await openFlashSale(elsewhere, clock, { opensInMs: minuteMs });
  await here.orders.warmUp();
  clock.set(sale.opensAt - 1);
  await here.orders.warmUp();
  clock.set(sale.opensAt);
  here.taken();
  expect(await order(here, sale, "m-1")).toMatchObject({ status: 201 });
  const [first] = here.taken();
  expect(first).toBe("begin");
});
