/**
 * `npm start`: the whole platform on this machine, as one tree of processes. It ends with a panel
 * of addresses and then waits for Ctrl-C.
 */
import { join, relative, resolve } from "node:path";
import { exitWithParent } from "../server/kernel/parent.ts";
import { readSettings } from "../server/settings.ts";
import { readSettings as readSimulatorSettings } from "../simulator/settings.ts";
import { onStopSignals } from "./start/signals.ts";
import { Supervisor } from "./start/supervisor.ts";
import type { Addresses, Plan } from "./start/supervisor.ts";
import { createTerminal } from "./terminal.ts";

const root = resolve(import.meta.dirname, "..");
/** sysexits.h: the program was not configured right, and starting it again changes nothing. */
const wrongSettingExit = 78;

const terminal = createTerminal();
const plan = readPlan(process.env);
if (plan === undefined) {
  process.exitCode = wrongSettingExit;
} else {
  const supervisor = new Supervisor(plan);
  onStopSignals(() => supervisor.stop());
  exitWithParent(() => supervisor.stop());
  process.exitCode = await supervisor.run();
}

/** Undefined when a setting is wrong; all of those are named. */
function readPlan(environment: NodeJS.ProcessEnv): Plan | undefined {
  const databaseUrl = environment["DATABASE_URL"]?.trim() || undefined;
  // Any address will do for the check; the embedded PostgreSQL has none before it runs.
  const checked = { ...environment, DATABASE_URL: databaseUrl ?? "postgresql://127.0.0.1" };
  const read = readSettings(checked);
  const simulator = readSimulatorSettings(environment);
  if (read.kind === "wrong") for (const { message } of read.problems) terminal.say(message);
  if (simulator.kind === "refused") {
    const { name, value, allowed } = simulator;
    terminal.say(`${name} is "${value}", but must be ${allowed}`);
  }
  if (read.kind === "wrong" || simulator.kind === "refused") return undefined;

  const { home, host, port, stopSecondsMax, channelHosts, apiProcesses, workerProcesses } =
    read.settings;
  return {
    home: resolve(root, home),
    databaseUrl,
    databaseSettings: {},
    server: {
      script: join(root, "server/main.ts"),
      host,
      port,
      // What it was given to finish, and a little for the finishing itself.
      stopTimeoutMs: (stopSecondsMax + 5) * 1000,
      processes: apiProcesses,
      workers: workerProcesses,
    },
    simulator: {
      script: join(root, "simulator/main.ts"),
      host: simulator.settings.host,
      port: simulator.settings.port,
    },
    simulatorUrl: environment["SIMULATOR_URL"]?.trim() || undefined,
    channelHosts,
    terminal,
    onReady: (addresses) => terminal.say(panel(addresses, resolve(root, home))),
  };
}

function panel(addresses: Addresses, home: string): string {
  const shown = (name: string) => relative(process.cwd(), join(home, name));
  return [
    "",
    "  Tongbao is running.",
    "",
    `    API        ${addresses.servers.join("  ")}`,
    `    API docs   ${addresses.servers[0]}/docs`,
    `    simulator  ${addresses.simulator}`,
    `    demo       ${shown("demo.json")}  tokens and products to begin with`,
    `    log        ${shown("server.log")}`,
    "",
    "  Ctrl-C stops it.",
    "",
  ].join("\n");
}
