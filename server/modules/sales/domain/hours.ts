import type { SaleState } from "./machine.ts";
import type { SaleHead } from "./types.ts";

/** Drafts are for staff alone; also those that were ended without ever being scheduled. */
export function isPublished({ scheduledAt }: Pick<SaleHead, "scheduledAt">): boolean {
  return scheduledAt !== undefined;
}

/**
 * What a sale is at this moment. All processes open and close it at the same millisecond: none
 * waits for the sweep that writes the state down, and only an end that came early is read from it.
 */
export function saleStateAt(
  { state, opensAt, closesAt }: Pick<SaleHead, "state" | "opensAt" | "closesAt">,
  now: number,
): SaleState {
  if (state === "draft" || state === "ended") return state;
  if (now >= closesAt) return "ended";
  return now >= opensAt ? "open" : "scheduled";
}
