import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import { createSignedTexts } from "../../../kernel/signed-text.ts";
import type { Clock } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SubmitToken } from "../domain/submit-tokens.ts";
import {
  claimsOf,
  judgeSubmitToken,
  submitKeyOf,
  submitTokenFrom,
  submitTokenLifeMs,
} from "../domain/submit-tokens.ts";

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
  const { ids, clock } = deps;
  const texts = createSignedTexts(deps.secrets, "submit_token");
  return {
    issueSubmitToken(tenantId: string, memberId: string): IssuedSubmitToken {
      const expiresAt = clock.now() + submitTokenLifeMs;
      const token = { id: ids.next<"SubmitToken">(), tenantId, memberId, expiresAt };
      return { ...token, text: texts.write(claimsOf(token)) };
    },

    /**
     * The key that a submission runs under. Refusals: submit_token_invalid, submit_token_foreign,
     * submit_token_expired.
     */
    submitKey(
      text: string,
      by: { readonly tenantId: string; readonly memberId: string },
    ): IdempotencyKey | Refusal {
      const claims = texts.read(text);
      if (claims === undefined) return refuse("submit_token_invalid");
      const token = submitTokenFrom(claims);
      return judgeSubmitToken(token, by, clock.now()) ?? submitKeyOf(token);
    },
  };
}
