import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from "node:os";

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  /** What all Node processes of the run were given besides our own arguments. */
  readonly nodeOptions: string | undefined;
  /** Programs that wanted a core in the last minute: above 0.5 the machine was not ours alone. */
  readonly loadBefore: number;
}

/** Call it before the run, whose own load it should not count. */
export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model.trim() ?? "unknown",
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${arch()}`,
    node: process.versions.node,
    nodeOptions: process.env["NODE_OPTIONS"],
    loadBefore: loadavg()[0] ?? 0,
  };
}
