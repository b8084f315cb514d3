/**
 * A small piece of work before a ticket is given: to find the number that was chosen at random, by
 * trying [FLS-09]. Nothing is kept of it: what is signed says whose it is, for what and until when.
 */
import { hash } from "node:crypto";
import type { Refusal } from "../../../kernel/refusal.ts";
import { dayMs, formatInstant, minuteMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import { challengeDifficultyMax } from "./ticket-rules.ts";
import type { DeviceId, SaleHead, SaleId, TicketRules } from "./types.ts";
import type { SaleDoor } from "./waiting-room.ts";
import { judgeDoor, passLifeMs } from "./waiting-room.ts";

export interface Challenge {
  readonly kind: "challenge";
  readonly tenantId: string;
  readonly saleId: SaleId;
  readonly memberId: string;
  /** Undefined when the sale counts no devices. */
  readonly deviceId: DeviceId | undefined;
  readonly salt: string;
  /** What `workOf` gives for the number that is wanted. */
  readonly target: string;
  readonly difficulty: number;
  readonly expiresAt: number;
}

/** A challenge that we have signed for this tenant, or something else. */
export type BroughtChallenge = Challenge | { readonly kind: "forged" };

export interface BroughtSolution {
  readonly challenge: BroughtChallenge;
  readonly number: number;
}

/**
 * Shorter than a pass, by far more than clocks differ: when the pass of a ticket has run out, so
 * has the solution that the ticket was given for. None is good for two places.
 */
export const challengeLifeMs = passLifeMs - minuteMs;
/**
 * A device that nobody knows yet does the work of four: to throw the name of one's device away is
 * then dearer than to keep it.
 */
const newDeviceFactor = 4;
/** No number that a solution may bring is beyond. */
export const solutionMax = challengeDifficultyMax * newDeviceFactor - 1;
/** From one anniversary to the next, and a bit. */
export const deviceLifeMs = 400 * dayMs;

/** SHA-256 of the salt and the digits of the number, in hexadecimal. */
export function workOf(salt: string, number: number): string {
  return hash("sha256", `${salt}${number}`);
}

/** How many numbers there are to try: all from 0 on. */
export function difficultyOf(
  { challengeDifficulty, ticketsPerDevice }: TicketRules,
  knownDeviceId: DeviceId | undefined,
): number {
  const isNew = ticketsPerDevice !== undefined && knownDeviceId === undefined;
  return challengeDifficulty * (isNew ? newDeviceFactor : 1);
}

/**
 * Gives the rules of the sale. Refusals in order of precedence: sale_without_waiting_room,
 * sale_not_open, sale_without_challenge.
 */
export function judgeAsking(
  sale: SaleDoor & Pick<SaleHead, "id">,
  now: number,
): { readonly kind: "asked"; readonly rules: TicketRules } | Refusal {
  const { id: saleId, ticketRules: rules } = sale;
  const closed = judgeDoor(saleId, sale, now);
  if (closed !== undefined) return closed;
  if (rules === undefined) return refuse("sale_without_challenge", { saleId });
  return { kind: "asked", rules };
}

/**
 * Gives the challenge that was solved. Refusals in order of precedence: sale_solution_needed,
 * sale_solution_invalid, sale_solution_expired, sale_solution_wrong.
 */
export function judgeSolution(
  solution: BroughtSolution | undefined,
  wanted: { readonly saleId: SaleId; readonly memberId: string; readonly rules: TicketRules },
  now: number,
): Challenge | Refusal {
  const { saleId } = wanted;
  if (solution === undefined) return refuse("sale_solution_needed", { saleId });
  const { challenge, number } = solution;
  if (challenge.kind === "forged" || !isFor(challenge, wanted))
    return refuse("sale_solution_invalid", { saleId });
  const { salt, target, difficulty, expiresAt } = challenge;
  if (now >= expiresAt)
    return refuse("sale_solution_expired", { expiredAt: formatInstant(expiresAt) });
  if (workOf(salt, number) !== target)
    return refuse("sale_solution_wrong", { max: difficulty - 1 });
  return challenge;
}

function isFor(
  challenge: Challenge,
  wanted: { readonly saleId: SaleId; readonly memberId: string; readonly rules: TicketRules },
): boolean {
  if (challenge.saleId !== wanted.saleId || challenge.memberId !== wanted.memberId) return false;
  return challenge.deviceId !== undefined || wanted.rules.ticketsPerDevice === undefined;
}

/** What is signed of a challenge. */
export function challengeClaims(challenge: Challenge): readonly unknown[] {
  const { tenantId, saleId, memberId, deviceId = null } = challenge;
  const { salt, target, difficulty, expiresAt } = challenge;
  return [tenantId, saleId, memberId, deviceId, salt, target, difficulty, expiresAt];
}

/** Takes claims that we have signed: they have the form in which `challengeClaims` wrote them. */
export function challengeFrom(claims: unknown): Challenge {
  const [tenantId, saleId, memberId, deviceId, salt, target, difficulty, expiresAt] = claims as [
    string,
    SaleId,
    string,
    DeviceId | null,
    string,
    string,
    number,
    number,
  ];
  const whose = { tenantId, saleId, memberId, deviceId: deviceId ?? undefined };
  return { kind: "challenge", ...whose, salt, target, difficulty, expiresAt };
}

/** What is signed of a device: a name, until when. */
export interface Device {
  readonly tenantId: string;
  readonly deviceId: DeviceId;
  readonly expiresAt: number;
}

export function deviceClaims({ tenantId, deviceId, expiresAt }: Device): readonly unknown[] {
  return [tenantId, deviceId, expiresAt];
}

/** Takes claims that we have signed. */
export function deviceFrom(claims: unknown): Device {
  const [tenantId, deviceId, expiresAt] = claims as [string, DeviceId, number];
  return { tenantId, deviceId, expiresAt };
}

/** How a challenge leaves the API. */
export interface ChallengeView {
  challenge: string;
  algorithm: "SHA-256";
  salt: string;
  target: string;
  difficulty: number;
  expiresAt: string;
}

export function challengeView(
  { salt, target, difficulty, expiresAt }: Challenge,
  signed: string,
): ChallengeView {
  const work = { algorithm: "SHA-256" as const, salt, target, difficulty };
  return { challenge: signed, ...work, expiresAt: formatInstant(expiresAt) };
}
