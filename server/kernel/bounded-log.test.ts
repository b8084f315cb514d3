import { mkdtempSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBoundedLog } from "./bounded-log.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tongbao-log-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("appends to what is there", () => {
  const path = join(folder, "some.log");
  writeFileSync(path, "earlier\n");
  const log = openBoundedLog(path, 100);
  writeSync(log.fd, "later\n");
  log.close();
  expect(readFileSync(path, "utf8")).toBe("earlier\nlater\n");
});

test("a full log moves aside, and an open one goes on in the emptied file", () => {
  const path = join(folder, "some.log");
  const running = openBoundedLog(path, 10);
  writeSync(running.fd, "more than ten bytes\n");
  openBoundedLog(path, 10).close();
  writeSync(running.fd, "new\n");
  running.close();
  expect(readFileSync(`${path}.1`, "utf8")).toBe("more than ten bytes\n");
  expect(readFileSync(path, "utf8")).toBe("new\n");
});
