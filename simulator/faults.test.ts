import { expect, test } from "vitest";
import { createFaults, hostileProfile } from "./faults.ts";
import type { Faults, Happening } from "./faults.ts";

const happening = (changes: Partial<Happening> = {}): Happening => ({
  channel: "wechatpay",
  operation: "prepay",
  merchantId: "1900000001",
  attemptNumber: "T1",
  refundNumber: "",
  ...changes,
});

test("a rule strikes once unless it says how often", () => {
  const faults = createFaults("seed");
  faults.add({ kind: "drop_reply" });
  faults.add({ kind: "delay", times: 2, params: { ms: 5 } });
  const struck = [1, 2, 3].map(() => [...faults.strikes(happening()).keys()]);
  expect(struck).toEqual([["drop_reply", "delay"], ["delay"], []]);
  expect(faults.list()).toMatchObject([
    { struck: 1, lookedAt: 3 },
    { struck: 2, lookedAt: 3 },
  ]);
});

test.each([
  [{ channel: "alipay" }],
  [{ operation: "query" }],
  [{ merchantId: "1900000002" }],
  [{ attemptNumber: "T2" }],
  [{ refundNumber: "R1" }],
] as const)("a rule that asks for %j leaves everything else alone", (match) => {
  const faults = createFaults("seed");
  faults.add({ kind: "delay", match });
  expect(faults.strikes(happening()).size).toBe(0);
  expect(faults.strikes(happening(match)).size).toBe(1);
});

test("a kind strikes only where it makes sense, and says so when asked for elsewhere", () => {
  const faults = createFaults("seed");
  faults.add({ kind: "notice_lost" });
  expect(faults.strikes(happening()).size).toBe(0);
  expect(faults.strikes(happening({ operation: "refund_notice" })).size).toBe(1);
  const refused = faults.add({ kind: "refund_closed", match: { operation: "query" } });
  expect(refused).toEqual({ refused: "refund_closed strikes refund, not query" });
  const both = faults.add({ kind: "delay", times: 1, probability: 1 });
  expect(both).toEqual({ refused: "give times or probability, not both" });
});

function fates(faults: Faults, count: number): string[] {
  return Array.from({ length: count }, () => [...faults.strikes(happening()).keys()].join("+"));
}

test("the same seed brings the same weather, another seed another", () => {
  const run = (seed: string) => {
    const faults = createFaults("initial");
    faults.seed(seed, hostileProfile);
    return fates(faults, 200);
  };
  expect(run("a")).toEqual(run("a"));
  expect(run("a")).not.toEqual(run("b"));
});

test("a rule's fate does not depend on the rules beside it", () => {
  const alone = createFaults("seed");
  alone.add({ kind: "drop_reply", probability: 0.3 });
  const crowded = createFaults("seed");
  crowded.add({ kind: "drop_reply", probability: 0.3 });
  crowded.add({ kind: "delay", probability: 0.5 });
  const drops = (faults: Faults) =>
    Array.from({ length: 100 }, () => faults.strikes(happening()).has("drop_reply"));
  expect(drops(alone)).toEqual(drops(crowded));
});

test("a probability is kept over many calls", () => {
  const faults = createFaults("seed");
  faults.add({ kind: "drop_reply", probability: 0.25 });
  const struck = fates(faults, 10_000).filter((fate) => fate !== "").length;
  expect(struck).toBeGreaterThan(2_300);
  expect(struck).toBeLessThan(2_700);
});

test("a forgery without a name takes a drawn one", () => {
  const faults = createFaults("seed");
  faults.add({ kind: "notice_forged", times: 50 });
  const notice = happening({ operation: "payment_notice" });
  const drawn = Array.from(
    { length: 50 },
    () => faults.strikes(notice).get("notice_forged")?.forgery,
  );
  expect(new Set(drawn).size).toBe(8);
});

test("removed and cleared rules strike no more, and there is a bound on them", () => {
  const faults = createFaults("seed");
  const rule = faults.add({ kind: "delay", times: 100 });
  if ("refused" in rule) throw new Error(rule.refused);
  expect(faults.remove(rule.id)).toBe(true);
  expect(faults.remove(rule.id)).toBe(false);
  for (let count = 0; count < 500; count += 1) faults.add({ kind: "delay" });
  expect(faults.add({ kind: "delay" })).toHaveProperty("refused");
  faults.clear();
  expect(faults.strikes(happening()).size).toBe(0);
});
