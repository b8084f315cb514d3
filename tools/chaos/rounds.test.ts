import { expect, test } from "vitest";
import { faultKinds } from "../../simulator/faults.ts";
import { deeds } from "./deeds.ts";
import { deedOf } from "./rounds.ts";
import { odds, wechatpayOdds } from "./weather.ts";

const all = Object.keys(deeds);

test("every hand of rounds does each deed once, in an order that the seed decides", () => {
  const rounds = all.map((_, at) => at + 1);
  const orders = ["a", "b", "c"].map((seed) => rounds.map((round) => deedOf(round, seed)));
  for (const order of orders) expect(order.toSorted()).toEqual(all.toSorted());
  expect(new Set(orders.map(String)).size).toBe(3);
  const second = rounds.map((round) => deedOf(round + all.length, "a"));
  expect(second.toSorted()).toEqual(all.toSorted());
  expect(second).not.toEqual(orders[0]);
});

test("the weather has every kind of fault that the simulator knows", () => {
  const kinds = [...Object.keys(odds), ...Object.keys(wechatpayOdds)];
  expect(kinds.toSorted()).toEqual(Object.keys(faultKinds).toSorted());
});
