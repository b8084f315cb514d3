import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

function arrive() {
  const request = new IncomingMessage(new Socket());
  return { request, reply: new ServerResponse(request) };
}

test("who has just been read is told how late the first in line is", async () => {
  const told: number[] = [];
  const begun: IncomingMessage[] = [];
  const ended = Promise.withResolvers<void>();
  const turns = createTurns({
    turnAway: (_request, _reply, lateMs) => {
      told.push(lateMs);
      return lateMs > 20;
    },
    begin: (request) => {
      begun.push(request);
      ended.resolve();
    },
  });
  const [first, second] = [arrive(), arrive()];
  turns.add(first.request, first.reply);
  const busyUntil = performance.now() + 25;
  while (performance.now() < busyUntil);
  turns.add(second.request, second.reply);
  await ended.promise;
  expect(told[0]).toBe(0);
  expect(told[1]).toBeGreaterThan(20);
  expect(begun).toEqual([first.request]);
});
