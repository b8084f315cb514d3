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

/** The longest member id makes about 400 characters. */
const textMax = 1_024;

/** `<base64url of JSON>.<signature>`. */
export function passText(claims: string, signature: string): string {
  return `${claims}.${signature}`;
}

export function passClaims(pass: SalePass): string {
  const { tenantId, saleId, memberId, ticketId, expiresAt } = pass;
  const claims = [tenantId, saleId, memberId, ticketId, expiresAt];
  return Buffer.from(JSON.stringify(claims)).toString("base64url");
}

/** Undefined for what is no pass, whoever has signed it. */
export function splitPass(
  text: string,
): { readonly claims: string; readonly signature: string } | undefined {
  if (text.length > textMax) return undefined;
  const [claims, signature, ...rest] = text.split(".");
  if (claims === undefined || signature === undefined || rest.length > 0) return undefined;
  return { claims, signature };
}

/** Takes claims whose signature is ours. */
export function parsePass(claims: string): SalePass {
  const parsed: unknown = JSON.parse(Buffer.from(claims, "base64url").toString("utf8"));
  // Ours: it has the form in which `passClaims` wrote it.
  const [tenantId, saleId, memberId, ticketId, expiresAt] = parsed as [
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
