import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SaleState } from "./machine.ts";
import type { SaleHead, SaleId } from "./types.ts";

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

/** The first moment after the sale: an end by hand comes early, that by the clock is noted late. */
export function endOf({ closesAt, endedAt }: Pick<SaleHead, "closesAt" | "endedAt">): number {
  return Math.min(closesAt, endedAt ?? closesAt);
}

/** For whoever comes before the opening or after the end: when that is, or was. */
export function refuseNotOpen(
  saleId: SaleId,
  sale: Pick<SaleHead, "state" | "opensAt" | "closesAt" | "endedAt">,
  now: number,
): Refusal {
  const state = saleStateAt(sale, now);
  const facts = { saleId, state, opensAt: formatInstant(sale.opensAt) };
  if (state === "ended")
    return refuse("sale_not_open", { ...facts, endedAt: formatInstant(endOf(sale)) });
  return refuse("sale_not_open", { ...facts, closesAt: formatInstant(sale.closesAt) });
}
