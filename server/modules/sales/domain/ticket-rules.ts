/** What tickets to a sale ask for beside a member: a solution, and a bounded origin [FLS-09]. */
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import { networkOf } from "./networks.ts";
import type { DeviceId, SaleId, TicketRules } from "./types.ts";

/** Below it a solution costs no more than the request that brings it. */
export const challengeDifficultyMin = 1_000;
/** A second's work for a compiled SHA-256 in a phone's browser, and too much for anything else. */
export const challengeDifficultyMax = 2_000_000;
/** A counter of the mall may serve a queue with one device; beyond it a limit holds nothing. */
export const ticketsPerDeviceMax = 100;
/** A mobile operator has thousands behind one address; each batch counts the rows of its own. */
export const ticketsPerNetworkMax = 10_000;

/** Where a ticket is taken from, as far as the rules of its sale count that. */
export interface TicketOrigin {
  readonly deviceId: DeviceId | undefined;
  readonly network: string | undefined;
}

/** What is kept of a device and an address: no more than the rules count. */
export function originOf(
  { ticketsPerDevice, ticketsPerNetwork }: TicketRules,
  given: { readonly deviceId: DeviceId | undefined; readonly address: string | undefined },
): TicketOrigin {
  const { deviceId, address } = given;
  const isCounted = address !== undefined && ticketsPerNetwork !== undefined;
  return {
    deviceId: ticketsPerDevice === undefined ? undefined : deviceId,
    network: isCounted ? networkOf(address) : undefined,
  };
}

/** Tickets that were taken, by sale and device or network: see `originKey`. */
export type TicketCounts = Map<string, number>;

export function originKey(saleId: SaleId, origin: string): string {
  return `${saleId} ${origin}`;
}

/**
 * Without rules, or where nothing was proven, there is nothing to count. Refusals in order of
 * precedence: sale_device_limit_reached, sale_network_limit_reached.
 */
export function judgeOrigin(
  taken: Readonly<Pick<TicketCounts, "get">>,
  saleId: SaleId,
  given: {
    readonly rules: TicketRules | undefined;
    readonly origin: TicketOrigin | undefined;
  },
): Refusal | undefined {
  const { rules, origin } = given;
  if (rules === undefined || origin === undefined) return undefined;
  const { ticketsPerDevice, ticketsPerNetwork } = rules;
  const { deviceId, network } = origin;
  const isFull = (from: string | undefined, max: number | undefined): max is number =>
    from !== undefined && max !== undefined && (taken.get(originKey(saleId, from)) ?? 0) >= max;
  if (isFull(deviceId, ticketsPerDevice))
    return refuse("sale_device_limit_reached", { max: ticketsPerDevice });
  if (isFull(network, ticketsPerNetwork))
    return refuse("sale_network_limit_reached", { max: ticketsPerNetwork });
  return undefined;
}

/** Another ticket of this origin. */
export function countTicket(
  taken: TicketCounts,
  saleId: SaleId,
  { deviceId, network }: TicketOrigin,
): void {
  for (const origin of [deviceId, network]) {
    if (origin === undefined) continue;
    const key = originKey(saleId, origin);
    taken.set(key, (taken.get(key) ?? 0) + 1);
  }
}
