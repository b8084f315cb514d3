import { createHash } from "node:crypto";
import type { IdempotencyKey } from "../kernel/idempotency.ts";

/** Two processes that start at once take each step once. */
export function seedKey(of: { readonly tenantId: string; readonly step: string }): IdempotencyKey {
  const { tenantId, step } = of;
  const bodyHash = createHash("sha256").update(`${tenantId} ${step}`).digest();
  return { key: `seed/${bodyHash.toString("hex").slice(0, 32)}`, bodyHash };
}
