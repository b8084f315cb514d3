import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import type { Clock } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SubmitToken } from "../domain/submit-tokens.ts";
import {
  claimsOf,
  judgeSubmitToken,
  parseClaims,
  splitSubmitToken,
  submitKeyOf,
  submitTokenLifeMs,
  submitTokenText,
} from "../domain/submit-tokens.ts";

/** What the signature is for: no other signed text is taken for a submit token. */
const purpose = "submit_token";

export interface IssuedSubmitToken extends SubmitToken {
  readonly text: string;
}

/**
 * Submit tokens are written nowhere: the signature proves that one is ours, and the answer that is
 * kept under its key tells that it was used. That answer is kept for a week, the token lives for
 * half an hour.
 */
export function createSubmitTokens(deps: {
  readonly ids: Ids;
  readonly clock: Clock;
  readonly secrets: Secrets;
}) {
  const { ids, clock, secrets } = deps;
  return {
    issueSubmitToken(tenantId: string, memberId: string): IssuedSubmitToken {
      const expiresAt = clock.now() + submitTokenLifeMs;
      const token = { id: ids.next<"SubmitToken">(), tenantId, memberId, expiresAt };
      const claims = claimsOf(token);
      return { ...token, text: submitTokenText(claims, secrets.sign(claims, purpose)) };
    },

    /**
     * The key that a submission runs under. Refusals: submit_token_invalid, submit_token_foreign,
     * submit_token_expired.
     */
    submitKey(
      text: string,
      by: { readonly tenantId: string; readonly memberId: string },
    ): IdempotencyKey | Refusal {
      const parts = splitSubmitToken(text);
      if (parts === undefined || !secrets.isSigned(parts.claims, parts.signature, purpose))
        return refuse("submit_token_invalid");
      const token = parseClaims(parts.claims);
      return judgeSubmitToken(token, by, clock.now()) ?? submitKeyOf(token);
    },
  };
}
