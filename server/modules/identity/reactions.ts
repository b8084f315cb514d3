import type { Deadline } from "../../kernel/deadlines.ts";
import { minuteMs } from "../../kernel/time.ts";
import type { Identity } from "./operations/identity.ts";
import { tenantsWithKeysDue } from "./store/signing-keys.ts";
import { tenantsWithTokensToForget } from "./store/tokens.ts";

/** What lies a little longer than it must does no harm: sweeps are for order, not for safety. */
const forgetEveryMs = minuteMs;
const forgetBatchMax = 1_000;
/** Keys live for months. */
const keysEveryMs = 10 * minuteMs;

export function identityReactions(identity: Identity): { readonly deadlines: readonly Deadline[] } {
  return {
    deadlines: [
      {
        name: "identity.signing_keys",
        everyMs: keysEveryMs,
        batchMax: 1_000,
        tenantsDue: tenantsWithKeysDue,
        sweep: (tx) => identity.maintainSigningKeys(tx),
      },
      {
        name: "identity.forget_tokens",
        everyMs: forgetEveryMs,
        batchMax: forgetBatchMax,
        tenantsDue: tenantsWithTokensToForget,
        sweep: (tx, limit) => identity.forgetTokens(tx, limit),
      },
    ],
  };
}
