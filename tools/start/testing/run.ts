/** Runs a supervisor over stand-ins: `run.ts <home> <server port> <simulator port>`. */
import { join } from "node:path";
import { createTerminal } from "../../terminal.ts";
import { onStopSignals } from "../signals.ts";
import { Supervisor } from "../supervisor.ts";

const [home = "", serverPort, simulatorPort] = process.argv.slice(2);
const script = join(import.meta.dirname, "stand-in.ts");
const host = process.env["STAND_HOST"] ?? "127.0.0.1";
const supervisor = new Supervisor({
  home,
  databaseUrl: process.env["DATABASE_URL"],
  databaseSettings: { fsync: "off" },
  server: {
    script,
    host,
    port: Number(serverPort),
    stopTimeoutMs: 5_000,
    processes: Number(process.env["STAND_PROCESSES"] ?? "1"),
    workers: Number(process.env["STAND_WORKERS"] ?? "0"),
  },
  simulator: { script, host, port: Number(simulatorPort) },
  simulatorUrl: undefined,
  channelHosts: ["openapi.alipay.com"],
  terminal: createTerminal(),
  onReady: ({ servers }) => process.stderr.write(`ready at ${servers.join(" and ")}\n`),
});
onStopSignals(() => supervisor.stop());
process.exitCode = await supervisor.run();
