import { expect, test } from "vitest";
import { defineMachine } from "../../server/kernel/machine.ts";
import { machineSection, machinesDocument } from "./machines.ts";

const parcel = defineMachine({
  name: "parcel",
  states: {
    sent: { deadline: "due_at, in an hour", findOut: "ask the sender", owner: "post" },
    arrived: { final: true },
    lost: { resting: "a finder" },
  },
  initial: "sent",
  moves: { sent: ["arrived", "lost"], lost: ["arrived"] },
});

test("a machine is a table of states and a diagram of its moves", () => {
  expect(machineSection(parcel).split("\n")).toEqual([
    "## parcel",
    "",
    "| state | deadline | how to find out | owner | next states |",
    "| --- | --- | --- | --- | --- |",
    "| `sent` | due_at, in an hour | ask the sender | post | `arrived`, `lost` |",
    "| `arrived` | final |  |  |  |",
    "| `lost` | rests | a finder |  | `arrived` |",
    "",
    "```mermaid",
    "stateDiagram-v2",
    "  [*] --> sent",
    "  sent --> arrived",
    "  sent --> lost",
    "  lost --> arrived",
    "  arrived --> [*]",
    "```",
    "",
  ]);
});

test("the document has every machine of the platform", async () => {
  const titles = (await machinesDocument()).match(/^## .+$/gm);
  expect(titles).toEqual(
    ["sale", "order", "order_refund", "payment", "payment_attempt", "refund"].map(
      (name) => `## ${name}`,
    ),
  );
});
