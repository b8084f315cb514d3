import { randomBytes, randomInt } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Ids } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import { createSignedTexts } from "../../../kernel/signed-text.ts";
import type { Clock } from "../../../kernel/time.ts";
import type {
  BroughtSolution,
  BroughtChallenge,
  Challenge,
  ChallengeView,
} from "../domain/challenges.ts";
import {
  challengeClaims,
  challengeFrom,
  challengeLifeMs,
  challengeView,
  deviceClaims,
  deviceFrom,
  deviceLifeMs,
  difficultyOf,
  judgeSolution,
  judgeAsking,
  workOf,
} from "../domain/challenges.ts";
import type { TicketOrigin } from "../domain/ticket-rules.ts";
import { originOf } from "../domain/ticket-rules.ts";
import type { DeviceId, SaleId, TicketRules } from "../domain/types.ts";
import type { Sales } from "./sales.ts";

/** What comes with the wish for a ticket. */
export interface TicketWish {
  readonly saleId: SaleId;
  readonly memberId: string;
  readonly solution?: { readonly challenge: string; readonly number: number } | undefined;
  /** Of the member's own connection; undefined when a program asks in the member's place. */
  readonly address?: string | undefined;
}

interface ProvenOrigin {
  /** Undefined: the sale asks for nothing, as far as this process knows. */
  readonly origin: TicketOrigin | undefined;
  /** The name of the device, signed, to be kept by it. */
  readonly deviceToken: string | undefined;
}

/** No two challenges can be solved by the same work. */
const saltBytes = 16;
/** Sales that members take tickets to at the same time; 200 bytes each. */
const salesMax = 1_000;

const nothingAsked: ProvenOrigin = { origin: undefined, deviceToken: undefined };

/** Gives challenges and judges what is brought for a ticket, before the database hears of it. */
export function createChallenges(deps: {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly sales: Pick<Sales, "readShownSale">;
}) {
  const { clock, ids, secrets, sales } = deps;
  const challengeTexts = createSignedTexts(secrets, "sale_challenge");
  const deviceTexts = createSignedTexts(secrets, "sale_device");
  /** Of scheduled sales, whose terms stand. */
  const known = new LRUCache<string, { readonly rules: TicketRules | undefined }>({
    max: salesMax,
  });

  async function rulesOf(tenantId: string, saleId: SaleId): Promise<TicketRules | undefined> {
    const key = `${tenantId} ${saleId}`;
    const remembered = known.get(key);
    if (remembered !== undefined) return remembered.rules;
    const shown = await sales.readShownSale(tenantId, saleId);
    // Who takes a ticket hears from the database that there is no such sale.
    if (isRefusal(shown)) return undefined;
    const { ticketRules: rules } = shown.sale;
    known.set(key, { rules });
    return rules;
  }

  /** That of another tenant is as good as forged. */
  function readChallenge(tenantId: string, text: string): BroughtChallenge {
    const claims = challengeTexts.read(text);
    if (claims === undefined) return { kind: "forged" };
    const challenge = challengeFrom(claims);
    return challenge.tenantId === tenantId ? challenge : { kind: "forged" };
  }

  /** Undefined for what is not ours, or not any more: the device gets a new name. */
  function readDeviceId(tenantId: string, token: string | undefined): DeviceId | undefined {
    const claims = token === undefined ? undefined : deviceTexts.read(token);
    if (claims === undefined) return undefined;
    const device = deviceFrom(claims);
    if (device.tenantId !== tenantId || clock.now() >= device.expiresAt) return undefined;
    return device.deviceId;
  }

  return {
    /**
     * A challenge for the member. `deviceToken`: what its device was told to keep. Refusals:
     * not_found, sale_without_waiting_room, sale_not_open, sale_without_challenge.
     */
    async giveChallenge(
      tenantId: string,
      wanted: {
        readonly saleId: SaleId;
        readonly memberId: string;
        readonly deviceToken: string | undefined;
      },
    ): Promise<ChallengeView | Refusal> {
      const { saleId, memberId } = wanted;
      const shown = await sales.readShownSale(tenantId, saleId);
      if (isRefusal(shown)) return shown;
      const now = clock.now();
      const asked = judgeAsking(shown.sale, now);
      if (isRefusal(asked)) return asked;
      const { rules } = asked;
      const knownDeviceId = readDeviceId(tenantId, wanted.deviceToken);
      const difficulty = difficultyOf(rules, knownDeviceId);
      const salt = randomBytes(saltBytes).toString("base64url");
      const challenge: Challenge = {
        kind: "challenge",
        tenantId,
        saleId,
        memberId,
        deviceId: rules.ticketsPerDevice === undefined ? undefined : (knownDeviceId ?? ids.next()),
        salt,
        target: workOf(salt, randomInt(difficulty)),
        difficulty,
        expiresAt: now + challengeLifeMs,
      };
      return challengeView(challenge, challengeTexts.write(challengeClaims(challenge)));
    },

    /**
     * One signature and one hash. Refusals: sale_solution_needed, sale_solution_invalid,
     * sale_solution_expired, sale_solution_wrong.
     */
    async judge(tenantId: string, wish: TicketWish): Promise<ProvenOrigin | Refusal> {
      const { saleId, memberId, solution, address } = wish;
      const rules = await rulesOf(tenantId, saleId);
      if (rules === undefined) return nothingAsked;
      const brought: BroughtSolution | undefined = solution && {
        challenge: readChallenge(tenantId, solution.challenge),
        number: solution.number,
      };
      const judged = judgeSolution(brought, { saleId, memberId, rules }, clock.now());
      if (isRefusal(judged)) return judged;
      const { deviceId } = judged;
      const origin = originOf(rules, { deviceId, address });
      if (deviceId === undefined) return { origin, deviceToken: undefined };
      const device = { tenantId, deviceId, expiresAt: clock.now() + deviceLifeMs };
      return { origin, deviceToken: deviceTexts.write(deviceClaims(device)) };
    },
  };
}
