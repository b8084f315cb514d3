import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import type { Database, Tx } from "../../../kernel/database.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs, minuteMs } from "../../../kernel/time.ts";
import { stockSku } from "../../../testing/goods.ts";
import { startHearing } from "../../../testing/hearing.ts";
import { answered } from "../../../testing/outside.ts";
import type { TestPlatform } from "../../../testing/platform.ts";
import { startTestPlatform } from "../../../testing/platform.ts";
import type { SkuId } from "../../catalog/index.ts";
import type { SaleId } from "../../sales/index.ts";
import { saleAccount } from "../../sales/index.ts";
import { reactionsOf } from "../../../wiring.ts";
import type { OrderId } from "../domain/types.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
/** Two processes on one database. */
const platform = await startTestPlatform({ url, clock });
const twin = await startTestPlatform({ url, clock });
const { ids } = platform;
afterAll(async () => {
  await platform.stop();
  await twin.stop();
});
const { tenantId } = await platform.createTenant("Harbour Mall");

const newKey = () => ({ key: ids.next(), bodyHash: Buffer.alloc(32) });

const stock = (units: bigint) => stockSku(platform, tenantId, { units });

interface Wanted {
  readonly allotment?: bigint;
  readonly limitPerMember?: number;
  readonly opensInMs?: number;
  readonly goods?: number;
}

/** Of 200 units of each of its two or more SKUs; open for an hour, from now or from then on. */
async function schedule(wanted: Wanted = {}) {
  const { allotment = 100n, limitPerMember, opensInMs = 0, goods = 2 } = wanted;
  const skuIds: SkuId[] = [];
  while (skuIds.length < goods) {
    // As many at a time as a queue takes.
    const some = Array.from({ length: Math.min(goods - skuIds.length, 20) }, () => stock(200n));
    skuIds.push(...(await Promise.all(some)));
  }
  const [skuId, otherSku] = [required(skuIds[0], "a SKU"), required(skuIds[1], "another")];
  const opensAt = clock.now() + opensInMs;
  const price = { priceMinor: 900n, currency: "CNY", limitPerMember: undefined } as const;
  const terms = {
    title: "Anniversary",
    opensAt,
    closesAt: opensAt + hourMs,
    limitPerMember,
    waitingRoom: false,
    ticketRules: undefined,
    items: skuIds.map((each) => ({ skuId: each, allotment, ...price })),
  };
  const created = await platform.sales.createSale(tenantId, newKey(), { terms, by: "test" });
  const { id: saleId }: { id: SaleId } = answered(created);
  answered(await platform.sales.scheduleSale(tenantId, newKey(), saleId));
  return { saleId, skuId, otherSku, skuIds, opensAt, closesAt: opensAt + hourMs };
}

interface Goods {
  readonly saleId: SaleId;
  readonly skuId: SkuId;
}

function place(at: TestPlatform, { saleId, skuId }: Goods, memberId: string, quantity = 1) {
  const input = { memberId, saleId, lines: [{ skuId, quantity }], placedBy: "test" };
  return at.orders.placeOrder(tenantId, newKey(), input);
}

/** How often each code was given. */
function counted(answers: readonly (Answer | Refusal)[]): Record<string, number> {
  const codes = answers.map((answer) => (isRefusal(answer) ? answer.code : "placed"));
  return Object.fromEntries(
    [...Map.groupBy(codes, (code) => code)].map(([code, all]) => [code, all.length]),
  );
}

async function unitsOf({ saleId, skuId }: Goods) {
  const account = saleAccount(saleId, skuId);
  const balance = (await platform.ledger.readBalances(tenantId, [account])).get(account);
  const found = await platform.catalog.readStock(tenantId, skuId);
  if (isRefusal(found) || balance === undefined) throw new Error("no stock");
  const { posted, pendingDebits: held } = balance;
  return { inSale: posted, held, onHand: found.onHand, sold: found.sold };
}

const endDue = (at: TestPlatform) =>
  at.database.transaction(tenantId, (tx) => at.sales.endDueSales(tx, 10));

async function eventsOf(type: string, saleId: SaleId): Promise<unknown[]> {
  const select = {
    name: "test.events",
    text: `select data from kernel.events
           where tenant_id = $1 and type = $2 and data ->> 'saleId' = $3`,
  };
  return platform.database.read(tenantId, select, [tenantId, type, saleId]);
}

describe("many at once, in two processes", () => {
  test("one member never gets more than the limit [FLS-07]", async () => {
    const sale = await schedule({ limitPerMember: 3 });
    const answers: (Answer | Refusal)[] = [];
    // Waves make many batches that overlap.
    for (let wave = 0; wave < 10; wave += 1) {
      const placing = Array.from({ length: 20 }, (_, at) =>
        place(at % 2 === 0 ? platform : twin, sale, "m-greedy"),
      );
      const others = place(twin, sale, `m-${wave}`, 3);
      answers.push(...(await Promise.all(placing)));
      expect(counted([await others])).toEqual({ placed: 1 });
    }
    expect(counted(answers)).toEqual({ placed: 3, sale_limit_reached: 197 });
    expect(await unitsOf(sale)).toMatchObject({ inSale: 100n, held: 33n });
  });

  test("nor by taking one SKU here and another one there [FLS-07]", async () => {
    const sale = await schedule({ limitPerMember: 1 });
    const other = { saleId: sale.saleId, skuId: sale.otherSku };
    // No stock row is shared here: each pair meets at the row of the sale alone.
    for (let pair = 0; pair < 30; pair += 1) {
      const member = `m-pair-${pair}`;
      const answers = [place(platform, sale, member), place(twin, other, member)];
      expect(counted(await Promise.all(answers))).toEqual({ placed: 1, sale_limit_reached: 1 });
    }
  });

  test("exactly the allotment is sold: not a unit more, and not a unit less [FLS-08, FLS-11]", async () => {
    const sale = await schedule({ allotment: 100n, limitPerMember: 1 });
    const buy = (from: number, count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, at) =>
          place(at % 2 === 0 ? platform : twin, sale, `m-${from + at}`),
        ),
      );
    const answers = await buy(0, 300);
    expect(counted(answers)).toEqual({ placed: 100, sold_out: 200 });
    expect(await unitsOf(sale)).toEqual({ inSale: 100n, held: 100n, onHand: 100n, sold: 0n });
    const orderIds = answers.flatMap((answer): OrderId[] =>
      isRefusal(answer) ? [] : [JSON.parse(answer.body).id],
    );
    const cancel = (orderId: OrderId) =>
      twin.orders.cancelOrder(tenantId, newKey(), { orderId, madeBy: "test" });
    await Promise.all(orderIds.slice(0, 30).map(cancel));
    expect(counted(await buy(300, 60))).toEqual({ placed: 30, sold_out: 30 });
    expect(await unitsOf(sale)).toMatchObject({ inSale: 100n, held: 100n });
  });

  test("the end comes through while orders keep holding the sale's row", async () => {
    const sale = await schedule();
    let isOver = false;
    const crowd = async (at: TestPlatform) => {
      for (let buyer = 0; !isOver; buyer += 1) await place(at, sale, `m-${buyer}`, 101);
    };
    const crowds = [platform, platform, twin, twin].map(crowd);
    clock.set(sale.closesAt);
    await endDue(platform);
    isOver = true;
    await Promise.all(crowds);
    const { sales } = platform;
    expect(await sales.readSale(tenantId, sale.saleId)).toMatchObject({ sale: { state: "ended" } });
  });
});

describe("the hours of a sale", () => {
  test("are those of the clock, to the millisecond, though no sweep has run", async () => {
    const sale = await schedule({ opensInMs: minuteMs });
    const at = async (ms: number) => {
      clock.set(ms);
      return counted(await Promise.all([platform, twin].map((each) => place(each, sale, "m-1"))));
    };
    expect(await at(sale.opensAt - 1)).toEqual({ sale_not_open: 2 });
    expect(await at(sale.opensAt)).toEqual({ placed: 2 });
    expect(await at(sale.closesAt - 1)).toEqual({ placed: 2 });
    expect(await at(sale.closesAt)).toEqual({ sale_not_open: 2 });
    expect(await platform.sales.readSale(tenantId, sale.saleId)).toMatchObject({
      sale: { state: "scheduled" },
    });
  });

  test("once they are over, the rest goes on the shelf once, whoever sweeps [FLS-08]", async () => {
    const sale = await schedule();
    answered(await place(platform, sale, "m-1", 10));
    clock.set(sale.closesAt - 1);
    await endDue(platform);
    expect(await unitsOf(sale)).toMatchObject({ inSale: 100n, onHand: 100n });
    clock.set(sale.closesAt);
    await Promise.all([endDue(platform), endDue(twin), endDue(platform), endDue(twin)]);
    expect(await unitsOf(sale)).toEqual({ inSale: 10n, held: 10n, onHand: 190n, sold: 0n });
    expect(await eventsOf("sale_ended", sale.saleId)).toHaveLength(1);
  });

  test("the units of an order that closes later go on to the shelf, once [FLS-08]", async () => {
    const sale = await schedule();
    const early: { id: OrderId } = answered(await place(platform, sale, "m-1", 4));
    const late: { id: OrderId } = answered(await place(platform, sale, "m-2", 10));
    const close = (orderId: OrderId) =>
      platform.orders.cancelOrder(tenantId, newKey(), { orderId, madeBy: "test" });
    answered(await close(early.id));
    const own = reactionsOf(platform).subscriptions.filter(({ name }) => name === "sales.returns");
    const reader = startHearing(platform.database, own);
    await reader.heard(tenantId);
    expect(await unitsOf(sale)).toEqual({ inSale: 100n, held: 10n, onHand: 100n, sold: 0n });
    clock.set(sale.closesAt);
    await endDue(platform);
    answered(await close(late.id));
    expect(await unitsOf(sale)).toMatchObject({ inSale: 10n, held: 0n, onHand: 190n });
    await reader.heard(tenantId);
    await reader.stop();
    expect(await unitsOf(sale)).toEqual({ inSale: 0n, held: 0n, onHand: 200n, sold: 0n });
    // A cursor that was wound back brings the news again.
    const data = { saleId: sale.saleId, lines: [{ skuId: sale.skuId, quantity: 10 }] };
    const told = { seq: 1n, at: clock.now(), type: "order_closed", data };
    await twin.database.transaction(tenantId, (tx) => twin.sales.returnUnits(tx, [told]));
    expect(await unitsOf(sale)).toMatchObject({ inSale: 0n, onHand: 200n });
    expect(await eventsOf("sale_units_returned", sale.saleId)).toHaveLength(1);
  });
});

test("orders are listed by their sale, and by member and sale", async () => {
  const [one, other] = [await schedule(), await schedule()];
  for (const memberId of ["m-1", "m-2"]) answered(await place(platform, one, memberId));
  answered(await place(platform, other, "m-1"));
  const list = async (saleId: SaleId, memberId?: string) => {
    const wanted = { memberId, saleId, state: undefined, before: undefined, limit: 10 };
    return (await platform.orders.listOrders(tenantId, wanted)).map((order) => order.memberId);
  };
  expect(await list(one.saleId)).toEqual(["m-2", "m-1"]);
  expect(await list(one.saleId, "m-1")).toEqual(["m-1"]);
  expect(await list(other.saleId)).toEqual(["m-1"]);
  expect(await list(ids.next<"Sale">())).toEqual([]);
});

describe("the batch of orders", () => {
  /** What was sent and waited for, each with whether an answer had come before it was sent. */
  const sent: { name: string; isFirstFlight: boolean }[] = [];

  function watched(database: Database): Database {
    const watch = (tx: Tx): Tx => {
      let isAnswered = false;
      const rows: Tx["rows"] = async (statement, values) => {
        sent.push({ name: statement.name, isFirstFlight: !isAnswered });
        const answer = await tx.rows<never>(statement, values);
        isAnswered = true;
        return answer;
      };
      return { ...tx, rows };
    };
    return {
      ...database,
      connectHot: async () => {
        const hot = await database.connectHot();
        return {
          ...hot,
          transaction: (tenant, work) => hot.transaction(tenant, (tx) => work(watch(tx))),
        };
      },
    };
  }

  let third: TestPlatform;
  beforeAll(async () => {
    third = await startTestPlatform({ url, clock, between: watched });
  });
  afterAll(() => third.stop());

  interface Wish {
    readonly saleId: SaleId | undefined;
    readonly skuId: SkuId;
  }

  /** All at once; gives what was sent for them, which must be one flight of questions a batch. */
  async function buy(goods: readonly Wish[]): Promise<string[]> {
    sent.length = 0;
    const answers = goods.map(({ saleId, skuId }, at) => {
      const lines = [{ skuId, quantity: 1 }];
      const input = { memberId: `m-${at}`, saleId, lines, placedBy: "t" };
      return third.orders.placeOrder(tenantId, newKey(), input);
    });
    for (const answer of await Promise.all(answers)) answered(answer);
    expect(sent.filter(({ isFirstFlight }) => !isFirstFlight)).toEqual([]);
    return sent.map(({ name }) => name);
  }
  const ofNoSale = ["ledger.lock_accounts", "catalog.load_skus", "kernel.load_kept_answers"];
  const ofSale = ["sales.lock_sales", "sales.load_named_items", "orders.bought_in_sales"];

  test("asks three things more for a sale, in the same flight, and none without", async () => {
    const { saleId, skuId } = await schedule({ limitPerMember: 5 });
    // The first command finds the committer idle; those behind it share the second batch.
    await buy([{ saleId: undefined, skuId }]);
    expect(await buy([{ saleId: undefined, skuId }])).toEqual(ofNoSale);
    const mixed = await buy([{ saleId, skuId }]);
    expect(mixed.toSorted()).toEqual([...ofNoSale, ...ofSale].toSorted());
    // The locks of the sales go first, and what is read under them comes behind.
    expect(mixed[0]).toBe("sales.lock_sales");
    const batches = await buy(Array.from({ length: 21 }, () => ({ saleId, skuId })));
    expect(batches.length).toBeLessThanOrEqual(2 * mixed.length);
  });

  test("asks the same of a sale of a thousand SKUs, 512 of which are ordered at once", async () => {
    const { saleId, skuIds } = await schedule({ limitPerMember: 5, goods: 1_000 });
    const goods = skuIds.slice(0, 513).map((skuId) => ({ saleId, skuId }));
    const batches = await buy(goods);
    expect([...new Set(batches)].toSorted()).toEqual([...ofNoSale, ...ofSale].toSorted());
    const flight = ofNoSale.length + ofSale.length;
    // One command alone, and then what has gathered, for either committer.
    expect(batches.length).toBeLessThanOrEqual(4 * flight);
    const sold = await Promise.all(goods.slice(0, 3).map(unitsOf));
    expect(sold.map(({ held }) => held)).toEqual([1n, 1n, 1n]);
  });
});
