import type { Secrets } from "../../../kernel/secrets.ts";
import type { BroughtPass } from "../domain/passes.ts";
import { parsePass, passClaims, passText, splitPass } from "../domain/passes.ts";
import type { Ticket } from "../domain/waiting-room.ts";

/** What the signature is for: no other signed text is taken for a pass. */
const purpose = "sale_pass";

/**
 * Passes are written nowhere: the signature proves that one is ours, and it says itself whose it
 * is, for which sale and until when.
 */
export function createPasses({ secrets }: { readonly secrets: Secrets }) {
  return {
    passOf(given: {
      readonly tenantId: string;
      readonly ticket: Pick<Ticket, "id" | "saleId" | "memberId">;
      readonly expiresAt: number;
    }): string {
      const { tenantId, ticket, expiresAt } = given;
      const { id: ticketId, saleId, memberId } = ticket;
      const pass = { kind: "pass", tenantId, saleId, memberId, ticketId, expiresAt } as const;
      const claims = passClaims(pass);
      return passText(claims, secrets.sign(claims, purpose));
    },

    /** That of another tenant is as good as forged. */
    readPass(tenantId: string, text: string): BroughtPass {
      const parts = splitPass(text);
      if (parts === undefined || !secrets.isSigned(parts.claims, parts.signature, purpose))
        return { kind: "forged" };
      const pass = parsePass(parts.claims);
      return pass.tenantId === tenantId ? pass : { kind: "forged" };
    },
  };
}
