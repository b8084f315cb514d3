import { readFileSync } from "node:fs";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

/** What is read here of the report that vitest writes with `--reporter=json`. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly meta?: { readonly randomSteps?: number };
    }[];
  }[];
}

/**
 * Counts tests. A file that fails without a failed test in it (it did not load, or a hook failed)
 * counts as one, and so does a run that ended badly for a reason that no file shows.
 */
export function countVitest(path: string, exitCode: number): Counts {
  const report = readReport(path);
  if (report === undefined) return { passed: 0, failed: 1 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  const failed = report.numFailedTests + brokenFiles.length;
  return { passed: report.numPassedTests, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

/** What random runs have counted, added up: `countSteps` of server/kernel/testing/random.ts. */
export function countRandomSteps(path: string): number {
  const tests = readReport(path)?.testResults.flatMap((file) => file.assertionResults) ?? [];
  return tests.reduce((sum, { meta }) => sum + (meta?.randomSteps ?? 0), 0);
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return undefined;
  }
}
