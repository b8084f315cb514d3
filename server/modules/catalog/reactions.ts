import { pulseOf } from "../../kernel/hot-reads.ts";
import type { Pulse } from "../../kernel/pulses.ts";
import type { Catalog } from "./operations.ts";

/** What every process that answers does. */
export function catalogPulses(catalog: Catalog): Pulse[] {
  return catalog.hotReads.map(pulseOf);
}
