import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { countRandomSteps, countVitest } from "./vitest-report.ts";

let path = "";
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "tongbao-counts-")), "vitest.json");
});
afterEach(() => rmSync(join(path, ".."), { recursive: true }));

interface Reported {
  readonly status: string;
  readonly meta?: object;
}

const passed = { status: "passed" };
const failed = { status: "failed" };

function report(files: readonly { status: string; tests: readonly Reported[] }[]): void {
  const tests = files.flatMap((file) => file.tests);
  const content = {
    numPassedTests: tests.filter((one) => one.status === "passed").length,
    numFailedTests: tests.filter((one) => one.status === "failed").length,
    testResults: files.map(({ status, tests: assertionResults }) => ({ status, assertionResults })),
  };
  writeFileSync(path, JSON.stringify(content));
}

test("counts tests", () => {
  report([
    { status: "passed", tests: [passed, passed, { status: "skipped" }] },
    { status: "failed", tests: [passed, failed] },
  ]);
  expect(countVitest(path, 1)).toEqual({ passed: 3, failed: 1 });
});

test("a file that did not load is one failure", () => {
  report([
    { status: "passed", tests: [passed] },
    { status: "failed", tests: [] },
  ]);
  expect(countVitest(path, 1)).toEqual({ passed: 1, failed: 1 });
});

test("a file whose hook failed after its tests is one failure", () => {
  report([{ status: "failed", tests: [passed] }]);
  expect(countVitest(path, 1)).toEqual({ passed: 1, failed: 1 });
});

test("a bad end that no file shows is one failure", () => {
  report([{ status: "passed", tests: [passed] }]);
  expect(countVitest(path, 1)).toEqual({ passed: 1, failed: 1 });
  expect(countVitest(path, 0)).toEqual({ passed: 1, failed: 0 });
});

test("no report is one failure", () => {
  expect(countVitest(path, 0)).toEqual({ passed: 0, failed: 1 });
});

test("adds up the steps of random runs", () => {
  const ran = (randomSteps: number) => ({ ...passed, meta: { randomSteps } });
  report([
    { status: "passed", tests: [ran(300_000), passed] },
    { status: "passed", tests: [ran(700_001), { ...passed, meta: {} }] },
  ]);
  expect(countRandomSteps(path)).toBe(1_000_001);
});
