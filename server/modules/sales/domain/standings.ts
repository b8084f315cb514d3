/** How a member stands in a waiting room, told from what a process knows of it. */
import { assert } from "../../../kernel/assert.ts";
import { formatInstant, secondMs } from "../../../kernel/time.ts";
import { endOf, saleStateAt } from "./hours.ts";
import type { Admission, SaleHours, Ticket } from "./waiting-room.ts";
import { passLifeMs } from "./waiting-room.ts";

/** A room as a process saw it a moment ago. */
export interface SeenRoom {
  readonly sale: SaleHours;
  readonly soldOut: boolean;
  readonly lotDrawn: boolean;
  readonly admittedThrough: number;
  /** All whose passes may still be good, oldest first. */
  readonly admissions: readonly Admission[];
}

export type Standing =
  | {
      readonly state: "waiting";
      /** Undefined before the lot was drawn. */
      readonly ahead: number | undefined;
      /** Undefined while nobody has been admitted lately. */
      readonly waitMs: number | undefined;
    }
  | { readonly state: "admitted"; readonly expiresAt: number }
  | { readonly state: "expired" }
  | { readonly state: "over"; readonly why: "ended" | "sold_out" };

/** The pace of so long ago tells how long the others will wait. */
const paceWindowMs = 10 * secondMs;

/** `admittedAt`: when the ticket is known to have been admitted, though the room be seen older. */
export function standingOf(
  room: SeenRoom,
  {
    place,
    admittedAt,
  }: { readonly place: number | undefined; readonly admittedAt: number | undefined },
  now: number,
): Standing {
  if (saleStateAt(room.sale, now) === "ended") return { state: "over", why: "ended" };
  const since = admittedAt ?? admittedSince(room, place);
  if (since === "long ago") return { state: "expired" };
  if (since !== undefined && now >= since + passLifeMs) return { state: "expired" };
  if (room.soldOut) return { state: "over", why: "sold_out" };
  if (since !== undefined) return { state: "admitted", expiresAt: since + passLifeMs };
  if (place === undefined) return { state: "waiting", ahead: undefined, waitMs: undefined };
  const ahead = place - room.admittedThrough - 1;
  assert(ahead >= 0, "who is not admitted stands behind those who are");
  return { state: "waiting", ahead, waitMs: waitMsOf(room, ahead, now) };
}

function admittedSince(
  { admittedThrough, admissions }: SeenRoom,
  place: number | undefined,
): number | "long ago" | undefined {
  if (place === undefined || place > admittedThrough) return undefined;
  const own = admissions.findLast(({ from }) => place > from);
  // What lies between two that are known was forgotten, because it had run out.
  return own === undefined || place > own.through ? "long ago" : own.at;
}

/** By how many were admitted in the last seconds. */
function waitMsOf({ admissions }: SeenRoom, ahead: number, now: number): number | undefined {
  const recent = admissions.filter(({ at }) => at > now - paceWindowMs);
  const [first] = recent;
  const last = recent.at(-1);
  if (first === undefined || last === undefined) return undefined;
  const windowMs = Math.max(secondMs, now - first.at);
  const perMs = (last.through - first.from) / windowMs;
  return Math.ceil((ahead + 1) / perMs);
}

export interface TicketView {
  id: string;
  saleId: string;
  memberId: string;
  state: Standing["state"];
  place?: number;
  ahead?: number;
  estimatedSeconds?: number;
  soldOut: boolean;
  opensAt: string;
  closesAt: string;
  askAgainSeconds: number;
  pass?: string;
  passExpiresAt?: string;
}

/** `pass`: of one who is admitted. */
export function ticketView(
  { id, saleId, memberId, place }: Readonly<Ticket>,
  standing: Standing,
  {
    pass,
    room: { sale, soldOut },
    now,
  }: {
    readonly pass?: string;
    readonly room: Pick<SeenRoom, "sale" | "soldOut">;
    readonly now: number;
  },
): TicketView {
  // After the end there is nothing to sell out: what was left is on the shelf.
  const isOver = standing.state === "over" && standing.why === "ended";
  const told = {
    id,
    saleId,
    memberId,
    state: standing.state,
    ...(place === undefined ? {} : { place }),
    soldOut: soldOut && !isOver,
    opensAt: formatInstant(sale.opensAt),
    closesAt: formatInstant(endOf(sale)),
    askAgainSeconds: askAgainSeconds(standing, sale, now),
  };
  if (standing.state === "admitted" && pass !== undefined)
    return { ...told, pass, passExpiresAt: formatInstant(standing.expiresAt) };
  if (standing.state !== "waiting") return told;
  const { ahead, waitMs } = standing;
  return {
    ...told,
    ...(ahead === undefined ? {} : { ahead }),
    ...(waitMs === undefined ? {} : { estimatedSeconds: Math.ceil(waitMs / secondMs) }),
  };
}

/** Who stands near the front asks every second, nobody less often than every quarter minute. */
const askMinSeconds = 1;
const askMaxSeconds = 15;
/** Units may come back from orders that nobody pays; that takes its time. */
const askSoldOutSeconds = 30;

function askAgainSeconds(standing: Standing, { opensAt }: SaleHours, now: number): number {
  if (standing.state === "over") return askSoldOutSeconds;
  if (standing.state !== "waiting") return askMaxSeconds;
  const aheadMs = now < opensAt ? opensAt - now : (standing.waitMs ?? 0) / 4;
  const seconds = Math.ceil(aheadMs / secondMs);
  return Math.min(askMaxSeconds, Math.max(askMinSeconds, seconds));
}
