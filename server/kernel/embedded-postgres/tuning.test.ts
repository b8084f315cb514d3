import { expect, test } from "vitest";
import { tunedSettings } from "./tuning.ts";

const gibibyte = 1024 ** 3;

test.each([
  { memory: gibibyte / 16, buffers: "32MB" },
  { memory: gibibyte, buffers: "256MB" },
  { memory: 64 * gibibyte, buffers: "2048MB" },
])("of $memory bytes of memory PostgreSQL gets $buffers", ({ memory, buffers }) => {
  expect(tunedSettings(memory)["shared_buffers"]).toBe(buffers);
});

test("leaves durability at its default, which is on", () => {
  const names = Object.keys(tunedSettings());
  expect(names).not.toContain("fsync");
  expect(names).not.toContain("synchronous_commit");
  expect(names).not.toContain("full_page_writes");
});
