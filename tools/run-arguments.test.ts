import { expect, test } from "vitest";
import { readRunArguments } from "./run-arguments.ts";

const count = { name: "members", min: 20, max: 4_000, default: 300 };

function read(...args: string[]) {
  const said: string[] = [];
  const run = readRunArguments(args, { usage: "the usage", count, texts: ["faults"] }, (line) =>
    said.push(line),
  );
  return { run, said };
}

test("what is given is taken, what is not has its default, and the seed is another each time", () => {
  const given = read("--members", "20", "--seed", "harbour", "--faults", "7");
  expect(given).toEqual({ run: { count: 20, seed: "harbour", texts: { faults: "7" } }, said: [] });
  const { run, said } = read();
  expect(run).toMatchObject({ count: 300, seed: expect.stringMatching(/^[0-9a-z]{6,}$/) });
  expect([run?.texts["faults"], said]).toEqual([undefined, []]);
});

test.each([
  ["--help"],
  ["--members", "19"],
  ["--members", "4001"],
  ["--members", "20.5"],
  ["--members", "many"],
])("%s %s is told the usage", (...args) => {
  expect(read(...args)).toEqual({ run: undefined, said: ["the usage"] });
});

test("a word that nobody knows is named", () => {
  const { run, said } = read("--rounds", "3");
  expect([run, said.length, said[1]]).toEqual([undefined, 2, "the usage"]);
  expect(said[0]).toContain("--rounds");
});
