import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

const turnMax = 64;

function arrive() {
  const request = new IncomingMessage(new Socket());
  return { request, reply: new ServerResponse(request) };
}

test("who stands behind more than one turn is told how late its first is", async () => {
  const told: number[] = [];
  let begun = 0;
  const ended = Promise.withResolvers<void>();
  const turns = createTurns({
    turnAway: (_request, _reply, lineMs) => {
      told.push(lineMs);
      return lineMs > 20;
    },
    begin: () => {
      begun += 1;
      if (begun === turnMax + 1) setImmediate(ended.resolve);
    },
  });
  const come = () => {
    const { request, reply } = arrive();
    turns.add(request, reply);
  };
  for (let count = 0; count <= turnMax; count += 1) come();
  expect(told).toEqual([]);
  const busyUntil = performance.now() + 25;
  while (performance.now() < busyUntil);
  come();
  await ended.promise;
  expect(told).toHaveLength(1);
  expect(told[0]).toBeGreaterThan(20);
  expect(begun).toBe(turnMax + 1);
});
