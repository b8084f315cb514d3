import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamp, timestamps } from "../../../kernel/database.ts";
import type { Revocation, Standing, TokenGrant, TokenId } from "../domain/tokens.ts";
import { forgetAt } from "../domain/tokens.ts";

interface StandingRow {
  active: boolean;
  token_revoked: boolean;
  subject_revoked_at: number | null;
}

const selectStanding = statement(
  "identity.load_standing",
  `select t.active,
          exists (select from identity.revoked_tokens r
                  where r.tenant_id = $1 and r.token_id = $2) as token_revoked,
          (select s.revoked_at from identity.revoked_subjects s
           where s.tenant_id = $1 and s.subject = $3) as subject_revoked_at
   from identity.tenants t where t.tenant_id = $1`,
);

const insertRevokedToken = statement(
  "identity.insert_revoked_token",
  `insert into identity.revoked_tokens
     (tenant_id, token_id, revoked_at, revoked_by, reason, forget_at)
   values ($1, $2, $3, $4, $5, $6)
   on conflict (tenant_id, token_id) do nothing`,
);

const upsertRevokedSubject = statement(
  "identity.upsert_revoked_subject",
  `insert into identity.revoked_subjects as s
     (tenant_id, subject, revoked_at, revoked_by, reason, forget_at)
   values ($1, $2, $3, $4, $5, $6)
   on conflict (tenant_id, subject) do update
   set revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by,
       reason = excluded.reason, forget_at = excluded.forget_at
   where s.revoked_at < excluded.revoked_at`,
);

const selectUsedTokens = statement(
  "identity.load_used_tokens",
  `select token_id from identity.used_tokens
   where tenant_id = $1 and token_id = any($2::uuid[])`,
);

const insertUsedTokens = statement(
  "identity.insert_used_tokens",
  // Sorted, so that two batches with the same tokens wait for each other in one order only.
  `insert into identity.used_tokens (tenant_id, token_id, forget_at)
   select $1, u.token_id, u.forget_at
   from unnest($2::uuid[], $3::timestamptz[]) as u (token_id, forget_at)
   order by u.token_id`,
);

const deleteUsedTokens = statement(
  "identity.delete_used_tokens",
  `delete from identity.used_tokens
   where tenant_id = $1 and token_id = any (array(
     select token_id from identity.used_tokens
     where tenant_id = $1 and forget_at <= $2 limit $3 for update skip locked))
   returning token_id`,
);

const deleteRevokedTokens = statement(
  "identity.delete_revoked_tokens",
  `delete from identity.revoked_tokens where tenant_id = $1 and forget_at <= $2`,
);

const deleteRevokedSubjects = statement(
  "identity.delete_revoked_subjects",
  `delete from identity.revoked_subjects where tenant_id = $1 and forget_at <= $2`,
);

/** Tells which tenants have ids of tokens to forget: `$1` is now. */
export const tenantsWithTokensToForget = statement(
  "identity.tenants_with_tokens_to_forget",
  `select tenant_id from identity.used_tokens where forget_at <= $1
   union select tenant_id from identity.revoked_tokens where forget_at <= $1
   union select tenant_id from identity.revoked_subjects where forget_at <= $1`,
);

export async function readStanding(database: Database, grant: TokenGrant): Promise<Standing> {
  const values = [grant.tenantId, grant.id, grant.subject];
  const [row] = await database.read<StandingRow>(grant.tenantId, selectStanding, values);
  return {
    tenantActive: row?.active,
    tokenRevoked: row?.token_revoked ?? false,
    subjectRevokedAt: row?.subject_revoked_at ?? undefined,
  };
}

export function saveRevocation(tx: Tx, revocation: Revocation): void {
  const { target, at, by, reason } = revocation;
  const rest = [timestamp(at), by, reason, timestamp(revocation.forgetAt)];
  if (target.kind === "token") tx.write(insertRevokedToken, [tx.tenantId, target.tokenId, ...rest]);
  else tx.write(upsertRevokedSubject, [tx.tenantId, target.subject, ...rest]);
}

export async function loadUsedTokens(tx: Tx, tokenIds: readonly TokenId[]): Promise<Set<TokenId>> {
  const rows = await tx.rows<{ token_id: TokenId }>(selectUsedTokens, [tx.tenantId, tokenIds]);
  return new Set(rows.map(({ token_id }) => token_id));
}

export function saveUsedTokens(tx: Tx, grants: readonly TokenGrant[]): void {
  if (grants.length === 0) return;
  tx.write(insertUsedTokens, [
    tx.tenantId,
    grants.map(({ id }) => id),
    timestamps(grants.map(({ expiresAt }) => forgetAt(expiresAt))),
  ]);
}

/** Gives how many used tokens were forgotten; revocations are few and go all at once. */
export async function forgetTokens(tx: Tx, limit: number): Promise<number> {
  const now = timestamp(tx.now);
  tx.write(deleteRevokedTokens, [tx.tenantId, now]);
  tx.write(deleteRevokedSubjects, [tx.tenantId, now]);
  return (await tx.rows(deleteUsedTokens, [tx.tenantId, now, limit])).length;
}
