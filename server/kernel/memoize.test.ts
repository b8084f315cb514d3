import { expect, test } from "vitest";
import { memoize } from "./memoize.ts";

function counting(max: number) {
  const made: string[] = [];
  const give = memoize(max, (key: string) => {
    made.push(key);
    return { key };
  });
  return { give, made };
}

test("what was made for a key is given again, and not made anew", () => {
  const { give, made } = counting(10);
  const first = give("a");
  expect(give("b")).toEqual({ key: "b" });
  expect(give("a")).toBe(first);
  expect(made).toEqual(["a", "b"]);
});

test("no more is known than it may, and what was forgotten is made again", () => {
  const { give, made } = counting(2);
  for (const key of ["a", "b", "b", "c", "c", "a"]) give(key);
  expect(made).toEqual(["a", "b", "c", "a"]);
});
