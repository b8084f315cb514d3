import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { identityOf, isRunning, ownIdentity, processesWorkingIn, waitForExit } from "./process.ts";
import { required } from "./assert.ts";

async function startSleeper(cwd = "/") {
  const child = spawn("sleep", ["600"], { cwd, stdio: "ignore" });
  await once(child, "spawn");
  return { child, identity: required(identityOf(required(child.pid, "its id")), "its identity") };
}

test("a process is running until it ends", async () => {
  const { child, identity } = await startSleeper();
  expect(isRunning(identity)).toBe(true);
  child.kill("SIGKILL");
  expect(await waitForExit(identity, 10_000)).toBe("exited");
  expect(isRunning(identity)).toBe(false);
});

test("the same id with another start is another process", () => {
  const own = ownIdentity();
  expect(isRunning(own)).toBe(true);
  expect(isRunning({ ...own, startedAt: "another boot:1" })).toBe(false);
});

test("a process that has ended is gone, although its parent has not noticed", async () => {
  const child = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 600"]);
  const [pid] = await once(child.stdout, "data");
  const identity = () => identityOf(Number(String(pid)));
  await expect.poll(identity, { timeout: 10_000 }).toBeUndefined();
  expect(process.kill(Number(String(pid)), 0)).toBe(true);
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("finds processes by their name and the folder they work in", async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tongbao-process-")));
  const { child, identity } = await startSleeper(folder);
  expect(processesWorkingIn(folder, "sleep")).toEqual([identity]);
  expect(processesWorkingIn(folder, "postgres")).toEqual([]);
  expect(processesWorkingIn(tmpdir(), "sleep")).toEqual([]);
  child.kill("SIGKILL");
  await once(child, "exit");
  rmSync(folder, { recursive: true });
});
