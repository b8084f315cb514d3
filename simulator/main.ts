/** Starts the outside world as a program of its own, from the environment. */
import { createSimulator } from "./index.ts";
import { readSettings } from "./settings.ts";

/**
 * Who starts the world keeps a channel to it, which closes even when he is killed: a world that
 * nobody knows of would hold its port and its journal for ever. Heard from the first moment on.
 */
const starterGone = new Promise<void>((resolve) => process.once("disconnect", resolve));
process.channel?.unref();

const settings = readSettings(process.env);
if (settings.kind === "refused") {
  const { name, value, allowed } = settings;
  process.stderr.write(`simulator: ${name} is "${value}", allowed: ${allowed}\n`);
  // sysexits.h: wrongly configured; starting it again changes nothing.
  process.exit(78);
}
const { host, port, ...options } = settings.settings;

const simulator = await createSimulator(options);
const address = await simulator.listen({ host, port }).catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error);
  const advice = `cannot listen on ${host}:${port} (${reason}); set SIMULATOR_PORT`;
  process.stderr.write(`simulator: ${advice}\n`);
  process.exit(1);
});
process.stdout.write(`simulator: listening on ${address}\n`);

const stop = () => void simulator.close();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
void starterGone.then(stop);
