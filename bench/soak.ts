/** Full load for minutes: how much memory the platform's process holds, and whether it grows. */
import { median, slopeOf } from "./figures.ts";
import type { Round } from "./figures.ts";
import { residentMegabytes } from "./processor-time.ts";
import type { Site } from "./site.ts";
import { measureOrders, proveOrders } from "./site.ts";
import { BenchError } from "./watch.ts";

export interface Soak {
  readonly minutes: number;
  /** The whole time as one round. */
  readonly round: Round;
  readonly memory: {
    readonly maxMb: number;
    readonly medianMb: number;
    /** Of the second half, in which the heap has found its size: megabytes an hour. */
    readonly growthMbPerHour: number;
  };
  readonly samples: readonly { readonly second: number; readonly mb: number }[];
  readonly ordersProven: number;
}

export interface SoakGiven {
  readonly minutes: number;
  readonly connections: number;
  readonly sampleEveryMs: number;
}

export async function measureSoak(site: Site, given: SoakGiven): Promise<Soak> {
  const { minutes, connections } = given;
  const { platform: program, shop } = site;
  const seconds = minutes * 60;
  const { samples, stop } = startSampling(site, given.sampleEveryMs);
  const load = { way: "platform", program, skuIds: shop.skuIds } as const;
  const round = await measureOrders(site, { ...load, connections, seconds }).finally(stop);
  if (samples.length < 2) throw new BenchError("the system does not tell how much memory is held");
  const all = samples.map(({ mb }) => mb);
  const secondHalf = samples.slice(Math.floor(samples.length / 2));
  const points = secondHalf.map(({ second, mb }) => ({ x: second / 3_600, y: mb }));
  const memory = {
    maxMb: Math.max(...all),
    medianMb: median(all),
    growthMbPerHour: slopeOf(points),
  };
  return { minutes, round, memory, samples, ordersProven: await proveOrders(site) };
}

function startSampling({ platform, say }: Site, everyMs: number) {
  const startedAt = performance.now();
  const samples: { second: number; mb: number }[] = [];
  const sample = (): void => {
    const mb = residentMegabytes(platform.pid);
    const second = (performance.now() - startedAt) / 1000;
    if (mb === undefined) return;
    samples.push({ second, mb });
    say(`${second.toFixed(0)} s: ${mb.toFixed(0)} MB`);
  };
  sample();
  const timer = setInterval(sample, everyMs);
  return { samples, stop: () => clearInterval(timer) };
}
