import { expect, test } from "vitest";
import { assert } from "../../../kernel/assert.ts";
import type { Machine } from "../../../kernel/machine.ts";
import { movesIn } from "../../../kernel/testing/moves.ts";
import { countSteps, seededRandom, withSeed } from "../../../kernel/testing/random.ts";
import { attemptMachine, paymentMachine, refundMachine } from "../../payments/index.ts";
import { saleAccount, saleMachine } from "../../sales/index.ts";
import { orderMachine, orderRefundMachine } from "./machine.ts";
import type { Market } from "./testing/market.ts";
import { openMarket, settle, takeStep } from "./testing/market.ts";
import type { SeenMoves } from "./testing/witness.ts";
import { openWitness } from "./testing/witness.ts";

const lives = 3_200;
const stepsOfLife = 175;
const machines: readonly Machine[] = [
  orderMachine,
  orderRefundMachine,
  paymentMachine,
  attemptMachine,
  refundMachine,
  saleMachine,
];

/** The run did each of these, or it has proved nothing. */
const placing = [
  "placed",
  "refused",
  "in a sale: placed",
  "in a sale: sale_not_found",
  "in a sale: sale_not_open",
  "in a sale: sale_limit_reached",
  "in a sale: sold_out",
];

/**
 * Orders, payments, sales and the ledger together, one transaction after the other: everything is
 * looked at after each of them. In the end all that was told is heard, and nothing is unfinished.
 */
test("keeps every invariant, whatever is repeated, late, in another order or lost [REF-15]", ({
  task,
}) =>
  withSeed((random) => {
    const seen: SeenMoves = new Map();
    const outcomes = new Map<string, number>();
    let steps = 0;
    for (let life = 1; life <= lives; life += 1) {
      const market = openMarket(seededRandom(random.below(2 ** 32)));
      const witness = openWitness(market, seen);
      const look = () => {
        steps += 1;
        witness.look();
      };
      for (let step = 1; step <= stepsOfLife; step += 1) {
        takeStep(market);
        look();
      }
      settle(market, look);
      witness.lookAtAll();
      checkEnd(market);
      checkSalesEnd(market);
      for (const name of market.outcomes) outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
    }
    countSteps(task, "orders, payments and sales", steps);
    expect([...seen.keys()].toSorted()).toEqual(machines.flatMap(movesIn).toSorted());
    for (const name of placing) expect(outcomes.get(name) ?? 0, name).toBeGreaterThan(lives / 20);
  }));

/** What was set aside for sales and not sold is on the shelf again. */
function checkSalesEnd({ shop, sales }: Market): void {
  for (const { id, items, state } of sales.world.sales.values()) {
    assert(state === "ended", "every sale ends");
    for (const skuId of items.keys()) {
      const account = shop.world.ledger.accounts.get(saleAccount(id, skuId));
      const left = (account?.posted ?? 0n) + (account?.pendingDebits ?? 0n);
      assert(left === 0n, "nothing is left in a sale that is over");
    }
  }
}

/** Nothing waits for anything, and every fen is with the shop or with the payer. */
function checkEnd({ shop }: Market): void {
  const { orders, refunds, payments } = shop.world;
  const unfinished = new Set(["pending_payment", "paying", "closing", "paid"]);
  for (const { id, state, totalMinor, refundedMinor } of orders.values()) {
    assert(!unfinished.has(state), `an order is ${state} in the end`);
    const payment = payments.payments.get(id);
    if (state !== "closed" && totalMinor > 0n) assert(payment?.state === "paid", "it was paid");
    assert(payment === undefined || payment.state !== "closing", "every close ends");
    const sentBack = [...payments.refunds.values()]
      .filter(({ reference, cause }) => reference === id && cause !== "surplus")
      .reduce(
        (sum, { state: is, amountMinor }) => sum + (is === "refunded" ? amountMinor : 0n),
        0n,
      );
    assert(refundedMinor === sentBack, "orders have heard of every refund");
    const kept = payment?.state === "paid" ? totalMinor - refundedMinor : 0n;
    assert(shop.keptOf(id) === kept, "captured = refunded + kept");
  }
  for (const { state } of refunds.values()) assert(state !== "under_way", "every refund ends");
  for (const { state } of payments.refunds.values()) {
    assert(state === "refunded" || state === "failed", "and in payments too");
  }
  for (const { surplus, id, amountMinor } of payments.attempts.values()) {
    if (!surplus) continue;
    const back = [...payments.refunds.values()].filter(
      ({ attemptId, state }) => attemptId === id && state === "refunded",
    );
    assert(back.length === 1 && back[0]?.amountMinor === amountMinor, "what came twice goes back");
  }
}
