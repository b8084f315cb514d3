import { expect, test } from "vitest";
import { createPatience } from "./patience.ts";

function create() {
  const time = { ms: 1_000 };
  const patience = createPatience({ passingMs: 400, standingMs: 100, elapsed: () => time.ms });
  return { patience, time };
}

test("there is much patience with those who are late at once, and little with a crowd", () => {
  const { patience, time } = create();
  for (const lateMs of [250, 180, 90, 51]) {
    patience.waited(lateMs);
    expect(patience.waitMsMax()).toBe(400);
    time.ms += 100;
  }
  expect(patience.waitMsMax()).toBe(100);
});

test("one who is not late ends a crowd", () => {
  const { patience, time } = create();
  patience.waited(250);
  time.ms += 301;
  expect(patience.waitMsMax()).toBe(100);
  patience.waited(50);
  expect(patience.waitMsMax()).toBe(400);
  time.ms += 60_000;
  patience.waited(250);
  expect(patience.waitMsMax()).toBe(400);
});
