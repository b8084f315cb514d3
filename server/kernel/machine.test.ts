import { expect, expectTypeOf, test } from "vitest";
import { assertMove, canMove, defineMachine, isStateOf, unfinishedStates } from "./machine.ts";
import type { Machine, StateOf } from "./machine.ts";

const waiting = { deadline: "due_at, in an hour", findOut: "ask the sender", owner: "post" };

const parcel = defineMachine({
  name: "parcel",
  states: { sent: waiting, lost: { resting: "a finder" }, arrived: { final: true } },
  initial: "sent",
  moves: { sent: ["arrived", "lost"], lost: ["arrived"] },
});

function define(change: Partial<Machine>): () => Machine {
  return () => defineMachine<string>({ ...parcel, ...change });
}

test("moves along its table and no other way", () => {
  expect(canMove(parcel, "sent", "lost")).toBe(true);
  expect(canMove(parcel, "arrived", "sent")).toBe(false);
  expect(() => assertMove(parcel, "arrived", "lost")).toThrow(
    "parcel does not move from arrived to lost",
  );
  assertMove(parcel, "lost", "arrived");
});

test("knows its states, in types too", () => {
  expectTypeOf<StateOf<typeof parcel>>().toEqualTypeOf<"sent" | "lost" | "arrived">();
  expect(isStateOf(parcel, "lost")).toBe(true);
  expect(isStateOf(parcel, "toString")).toBe(false);
  expect(unfinishedStates(parcel)).toEqual(["sent"]);
});

test.each<[string, Partial<Machine>]>([
  ["parcel: sent can get stuck", { states: { ...parcel.states, sent: { ...waiting, owner: "" } } }],
  ["parcel: sent must be left and has no exit", { moves: { lost: ["arrived"] } }],
  ["parcel: nothing leads to lost", { moves: { ...parcel.moves, sent: ["arrived"] } }],
  ["parcel: arrived is final and has an exit", { moves: { ...parcel.moves, arrived: ["lost"] } }],
  ["parcel: lost rests and is never moved: it is final", { moves: { sent: ["arrived", "lost"] } }],
  ["parcel: sent leads to moon, which is no state", { moves: { sent: ["moon"] } }],
  ["parcel: sent leads to itself", { moves: { ...parcel.moves, sent: ["sent", "lost"] } }],
  [
    "parcel: no way leads from there to an end",
    {
      states: { ...parcel.states, there: waiting, back: waiting },
      moves: {
        ...parcel.moves,
        sent: ["arrived", "lost", "there"],
        there: ["back"],
        back: ["there"],
      },
    },
  ],
])("refuses at its definition: %s", (message, change) => {
  expect(define(change)).toThrow(message);
});
