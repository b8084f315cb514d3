import { expect, test } from "vitest";
import { createPatience } from "./patience.ts";

function create() {
  const time = { ms: 1_000 };
  const patience = createPatience({ passingMs: 400, standingMs: 100, elapsed: () => time.ms });
  /** One turn after the other, and what is known after each. */
  const turns = (...waits: number[]) =>
    waits.map((waitedMs) => {
      time.ms += 100;
      patience.waited(waitedMs);
      return patience.waitMsMax();
    });
  return { patience, time, turns };
}

test("there is much patience with those who are late at once, and little with a crowd", () => {
  const { turns } = create();
  expect(turns(250, 180, 90, 51, 80, 120)).toEqual([400, 400, 400, 400, 100, 100]);
});

test("one who is not late ends a crowd", () => {
  const { turns } = create();
  expect(turns(250, 250, 250, 250, 250, 50, 250)).toEqual([400, 400, 400, 400, 100, 400, 400]);
});

test("a crowd is over when nobody has a turn, be it for calm or for a disk that stands still", () => {
  const { patience, time, turns } = create();
  turns(250, 250, 250, 250, 250);
  time.ms += 301;
  expect(patience.waitMsMax()).toBe(400);
  expect(turns(250)).toEqual([400]);
  time.ms += 60_000;
  expect(turns(250, 250)).toEqual([400, 400]);
});
