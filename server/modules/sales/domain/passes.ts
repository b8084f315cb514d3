/** What lets a member place orders in a sale whose waiting room is on [FLS-09]. */
import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SaleId } from "./types.ts";
import type { TicketId } from "./waiting-room.ts";

export interface SalePass {
  readonly kind: "pass";
  readonly tenantId: string;
  readonly saleId: SaleId;
  readonly memberId: string;
  readonly ticketId: TicketId;
  readonly expiresAt: number;
}

/** What came with an order: a pass that we have signed for this tenant, or something else. */
export type BroughtPass = SalePass | { readonly kind: "forged" };

/** What is signed of a pass. */
export function passClaims(pass: SalePass): readonly unknown[] {
  const { tenantId, saleId, memberId, ticketId, expiresAt } = pass;
  return [tenantId, saleId, memberId, ticketId, expiresAt];
}

/** Takes claims that we have signed: they have the form in which `passClaims` wrote them. */
export function passFrom(claims: unknown): SalePass {
  const [tenantId, saleId, memberId, ticketId, expiresAt] = claims as [
    string,
    SaleId,
    string,
    TicketId,
    number,
  ];
  return { kind: "pass", tenantId, saleId, memberId, ticketId, expiresAt };
}

/** Refusals in order of precedence: sale_pass_needed, sale_pass_invalid, sale_pass_expired. */
export function judgePass(
  pass: BroughtPass | undefined,
  { saleId, memberId }: { readonly saleId: SaleId; readonly memberId: string },
  now: number,
): Refusal | undefined {
  if (pass === undefined) return refuse("sale_pass_needed", { saleId });
  if (pass.kind === "forged" || pass.saleId !== saleId || pass.memberId !== memberId)
    return refuse("sale_pass_invalid", { saleId });
  if (now >= pass.expiresAt)
    return refuse("sale_pass_expired", { saleId, expiredAt: formatInstant(pass.expiresAt) });
  return undefined;
}
