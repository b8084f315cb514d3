import type { Secrets } from "../../../kernel/secrets.ts";
import { createSignedTexts } from "../../../kernel/signed-text.ts";
import type { BroughtPass } from "../domain/passes.ts";
import { passClaims, passFrom } from "../domain/passes.ts";
import type { Ticket } from "../domain/waiting-room.ts";

/**
 * Passes are written nowhere: the signature proves that one is ours, and it says itself whose it
 * is, for which sale and until when.
 */
export function createPasses({ secrets }: { readonly secrets: Secrets }) {
  const texts = createSignedTexts(secrets, "sale_pass");
  return {
    passOf(given: {
      readonly tenantId: string;
      readonly ticket: Pick<Ticket, "id" | "saleId" | "memberId">;
      readonly expiresAt: number;
    }): string {
      const { tenantId, ticket, expiresAt } = given;
      const { id: ticketId, saleId, memberId } = ticket;
      const pass = { kind: "pass", tenantId, saleId, memberId, ticketId, expiresAt } as const;
      return texts.write(passClaims(pass));
    },

    /** That of another tenant is as good as forged. */
    readPass(tenantId: string, text: string): BroughtPass {
      const claims = texts.read(text);
      if (claims === undefined) return { kind: "forged" };
      const pass = passFrom(claims);
      return pass.tenantId === tenantId ? pass : { kind: "forged" };
    },
  };
}
