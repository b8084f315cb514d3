import { expect, test } from "vitest";
import { victimOf } from "./rounds.ts";

test("every three rounds kill each victim once, in an order that the seed decides", () => {
  const orders = ["a", "b", "c", "d", "e", "f"].map((seed) =>
    [1, 2, 3].map((round) => victimOf(round, seed)),
  );
  for (const order of orders) {
    expect(order.toSorted()).toEqual(["PostgreSQL", "everything", "server"]);
  }
  expect(new Set(orders.map(String)).size).toBeGreaterThan(1);
  expect([4, 5, 6].map((round) => victimOf(round, "a")).toSorted()).toEqual(orders[0]?.toSorted());
});
