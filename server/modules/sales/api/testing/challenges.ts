/** What a member's page does with a challenge: asks, searches, takes a ticket with the solution. */
import { hash } from "node:crypto";
import type { TestPlatform } from "../../../../testing/platform.ts";
import type { ChallengeView } from "../../domain/challenges.ts";
import type { TicketView } from "../../domain/standings.ts";
import type { SaleId } from "../../domain/types.ts";
import type { Hall, Reply } from "./hall.ts";

export interface Solution {
  readonly challenge: string;
  readonly number: number;
}

export type Taken = TicketView & { readonly deviceToken?: string; readonly code?: string };

/** By a member of the hall's tenant, unless a token says otherwise. */
export interface Asking {
  readonly saleId: SaleId;
  readonly member: string;
  readonly token?: string;
  readonly deviceToken?: string | undefined;
  readonly address?: string;
}

export async function askChallenge(
  hall: Hall,
  process: TestPlatform,
  { saleId, member, token, deviceToken }: Asking,
): Promise<Reply<ChallengeView & { readonly code?: string }>> {
  return hall.call(process, `/v1/sales/${saleId}/challenges`, {
    token: token ?? (await hall.tokenOf(member)),
    body: token === undefined ? {} : { memberId: member },
    headers: deviceToken === undefined ? {} : { "sale-device": deviceToken },
  });
}

/** Tries all numbers from 0 on. */
export function search({ challenge, salt, target, difficulty }: ChallengeView): Solution {
  for (let number = 0; number < difficulty; number += 1) {
    if (hash("sha256", `${salt}${number}`) === target) return { challenge, number };
  }
  throw new Error("no number below the difficulty gives the target");
}

export async function takeWith(
  hall: Hall,
  process: TestPlatform,
  { saleId, member, token, address }: Asking,
  solution?: Solution,
): Promise<Reply<Taken>> {
  return hall.call(process, `/v1/sales/${saleId}/tickets`, {
    token: token ?? (await hall.tokenOf(member)),
    body: {
      ...(token === undefined ? {} : { memberId: member }),
      ...(solution === undefined ? {} : { solution }),
    },
    headers: address === undefined ? {} : { "x-forwarded-for": address },
  });
}

/** Asks, searches and takes. */
export async function solveAndTake(
  hall: Hall,
  process: TestPlatform,
  asking: Asking,
): Promise<Reply<Taken>> {
  const { json } = await askChallenge(hall, process, asking);
  return takeWith(hall, process, asking, search(json));
}
