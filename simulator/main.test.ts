import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const script = join(import.meta.dirname, "main.ts");
/** Starts the simulator as `npm start` does, and tells its process id when it is time to kill. */
function starterOf(moment: string): string {
  const output = moment === "once it listens" ? "pipe" : "ignore";
  return `
    const { spawn } = require("node:child_process");
    const child = spawn(process.execPath, [${JSON.stringify(script)}], {
      stdio: ["ignore", "${output}", "inherit", "ipc"],
      detached: true,
    });
    const tell = () => process.stdout.write(String(child.pid));
    if (child.stdout === null) child.once("spawn", tell);
    else child.stdout.once("data", tell);
  `;
}

/** Signal 0 asks only whether there is such a process. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each(["once it listens", "while it is starting"])(
  "it ends by itself when who started it was killed with -9 %s",
  async (moment) => {
    const { SIMULATOR_STATE: _, ...rest } = process.env;
    const starter = spawn(process.execPath, ["-e", starterOf(moment)], {
      env: { ...rest, SIMULATOR_PORT: "0", SIMULATOR_HOST: "127.0.0.1" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = await once(starter.stdout, "data");
    const pid = Number.parseInt(String(said), 10);
    expect(pid).toBeGreaterThan(0);
    onTestFinished(() => {
      if (isRunning(pid)) process.kill(pid, "SIGKILL");
    });
    expect(isRunning(pid)).toBe(true);

    starter.kill("SIGKILL");
    await once(starter, "exit");
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false);
  },
);
