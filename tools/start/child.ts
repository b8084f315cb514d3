import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openBoundedLog } from "../../server/kernel/bounded-log.ts";
import { heapArguments } from "../../server/kernel/heap.ts";
import { identityOf } from "../../server/kernel/process.ts";
import type { ProcessIdentity } from "../../server/kernel/process.ts";
import { createChildLog } from "./child-log.ts";

export interface Program {
  readonly name: string;
  readonly script: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Whether it does its work by now; asked again and again while it starts. */
  readonly isReady: () => Promise<boolean>;
  /** How long it may take to finish what it has begun. */
  readonly stopTimeoutMs: number;
}

export interface ChildEvents {
  readonly say: (line: string) => void;
  /** Its process id has changed, or it has none any more. */
  readonly onChange: () => void;
  /** It died too often, or before it was ever ready. */
  readonly onGivenUp: (reason: string) => void;
}

export interface Child {
  readonly name: string;
  /** Returns when it is ready, or has been given up, or is to stop. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** For people in a hurry: no waiting, no finishing. */
  kill(): void;
  identity(): ProcessIdentity | undefined;
}

const pollMs = 100;
/** The pauses before the first, second, ... restart; after the last one there is no other try. */
const backoffMs = [250, 1_000, 3_000, 10_000, 30_000];
/** One that has run so long has recovered: its next death is a first one again. */
const recoveredAfterMs = 120_000;

/** A program that is started again when it dies. What never came up is not tried twice. */
export function createChild(program: Program, events: ChildEvents): Child {
  const log = openBoundedLog(program.logPath);
  const childLog = createChildLog({ name: program.name, log, say: events.say });
  let child: ChildProcess | undefined;
  let exited: Promise<string> = Promise.resolve("");
  let stopping = false;
  let wasReady = false;
  let deaths = 0;
  let startedAt = 0;
  let wakeUp = (): void => undefined;

  function launch(): void {
    startedAt = performance.now();
    const launched = spawn(process.execPath, [...heapArguments(), program.script], {
      env: { ...process.env, ...program.environment },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      // Ctrl-C in the terminal is for the supervisor, which stops everything in order.
      detached: true,
    });
    child = launched;
    if (launched.stdout !== null && launched.stderr !== null) {
      childLog.follow(launched.stdout, launched.stderr);
    }
    exited = new Promise((resolve) => {
      launched.once("error", (error) => resolve(error.message));
      // "close" comes after its last words were read.
      launched.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    void exited.then(onExit);
    events.onChange();
  }

  function onExit(reason: string): void {
    child = undefined;
    events.onChange();
    if (stopping) return;
    if (performance.now() - startedAt > recoveredAfterMs) deaths = 0;
    const pause = backoffMs[deaths];
    deaths += 1;
    if (!wasReady) return giveUp(`the ${program.name} did not start (${reason})`);
    if (pause === undefined) {
      return giveUp(`the ${program.name} has died ${deaths} times (${reason})`);
    }
    events.say(`the ${program.name} has died (${reason}): starting it again in ${pause / 1000} s`);
    void restartAfter(pause);
  }

  function giveUp(reason: string): void {
    stopping = true;
    events.onGivenUp(`${reason}; its log is ${program.logPath}`);
  }

  async function restartAfter(pauseMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    if (stopping) return;
    launch();
    if (await untilReady()) events.say(`the ${program.name} is back`);
  }

  /** False when it died meanwhile, or is to stop. */
  async function untilReady(): Promise<boolean> {
    const awaited = child;
    while (!stopping && child === awaited) {
      if (await program.isReady()) {
        wasReady = true;
        return true;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    return false;
  }

  return {
    name: program.name,
    start: async () => {
      launch();
      await untilReady();
    },
    stop: async () => {
      stopping = true;
      wakeUp();
      const stopped = child;
      if (stopped !== undefined) {
        stopped.kill("SIGTERM");
        const timer = setTimeout(() => {
          events.say(`the ${program.name} does not finish: killing it`);
          stopped.kill("SIGKILL");
        }, program.stopTimeoutMs);
        await exited;
        clearTimeout(timer);
      }
      log.close();
    },
    kill: () => {
      stopping = true;
      wakeUp();
      child?.kill("SIGKILL");
    },
    identity: () => (child?.pid === undefined ? undefined : identityOf(child.pid)),
  };
}
