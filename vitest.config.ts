import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{server,simulator,sdk,tools,bench,e2e}/**/*.test.ts"],
    // Processes, not threads: tests start and stop programs, and a crash must name its file.
    pool: "forks",
    // Starting a database or a whole platform may take this long on a small, busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
