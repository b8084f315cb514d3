import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamp, timestamps } from "../../../kernel/database.ts";
import type { PublicJwk, SigningKey, SigningKeysWorld } from "../domain/signing-keys.ts";
import { signingAlgorithm } from "../domain/signing-keys.ts";
import { platformTenantId } from "../domain/tenants.ts";

interface SigningKeyRow {
  id: string;
  public_jwk: PublicJwk;
  sealed_private_key: string;
  published_at: number;
  signs_from: number;
  rotates_at: number | null;
  verifies_until: number | null;
}

const selectSigningKeys = statement(
  "identity.load_signing_keys",
  `select id, public_jwk, sealed_private_key, published_at, signs_from, rotates_at, verifies_until
   from identity.signing_keys where tenant_id = $1`,
);

const lockSigningKeys = statement(
  "identity.lock_signing_keys",
  `select id, public_jwk, sealed_private_key, published_at, signs_from, rotates_at, verifies_until
   from identity.signing_keys where tenant_id = $1 order by id for update`,
);

const endSigningKeys = statement(
  "identity.end_signing_keys",
  `update identity.signing_keys k set verifies_until = n.verifies_until, rotates_at = null
   from unnest($2::text[], $3::timestamptz[]) as n (id, verifies_until)
   where k.tenant_id = $1 and k.id = n.id`,
);

const insertSigningKeys = statement(
  "identity.insert_signing_keys",
  `insert into identity.signing_keys
     (tenant_id, id, algorithm, public_jwk, sealed_private_key, published_at, signs_from,
      rotates_at)
   select $1, k.id, k.algorithm, k.public_jwk::jsonb, k.sealed_private_key, k.published_at,
          k.signs_from, k.rotates_at
   from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
               $7::timestamptz[], $8::timestamptz[])
     as k (id, algorithm, public_jwk, sealed_private_key, published_at, signs_from, rotates_at)`,
);

const deleteSigningKeys = statement(
  "identity.delete_signing_keys",
  `delete from identity.signing_keys where tenant_id = $1 and verifies_until <= $2
   returning id`,
);

/** Tells whether the platform's keys need care: `$1` is now. */
export const tenantsWithKeysDue = statement(
  "identity.tenants_with_keys_due",
  `select distinct tenant_id from identity.signing_keys
   where rotates_at <= $1 or verifies_until <= $1`,
);

export async function readSigningKeys(database: Database): Promise<SigningKey[]> {
  const rows = await database.read<SigningKeyRow>(platformTenantId, selectSigningKeys, [
    platformTenantId,
  ]);
  return rows.map(signingKeyOf);
}

export async function loadSigningKeys(tx: Tx): Promise<SigningKeysWorld> {
  const rows = await tx.rows<SigningKeyRow>(lockSigningKeys, [tx.tenantId]);
  return {
    keys: new Map(rows.map((row) => [row.id, signingKeyOf(row)])),
    added: [],
    ended: new Set(),
  };
}

export function saveSigningKeys(tx: Tx, world: SigningKeysWorld): void {
  const ended = [...world.keys.values()].filter(({ id }) => world.ended.has(id));
  // Ends first: the unique index knows one newest key at a time.
  if (ended.length > 0) {
    tx.write(endSigningKeys, [
      tx.tenantId,
      ended.map(({ id }) => id),
      timestamps(ended.map(({ verifiesUntil }) => verifiesUntil ?? tx.now)),
    ]);
  }
  const { added } = world;
  if (added.length === 0) return;
  tx.write(insertSigningKeys, [
    tx.tenantId,
    added.map(({ id }) => id),
    added.map(({ algorithm }) => algorithm),
    added.map(({ publicJwk }) => JSON.stringify(publicJwk)),
    added.map(({ sealedPrivateKey }) => sealedPrivateKey),
    timestamps(added.map(({ publishedAt }) => publishedAt)),
    timestamps(added.map(({ signsFrom }) => signsFrom)),
    added.map(({ rotatesAt }) => (rotatesAt === undefined ? null : timestamp(rotatesAt))),
  ]);
}

/** Gives how many there were. */
export async function dropSigningKeys(tx: Tx): Promise<number> {
  return (await tx.rows(deleteSigningKeys, [tx.tenantId, timestamp(tx.now)])).length;
}

function signingKeyOf(row: SigningKeyRow): SigningKey {
  return {
    id: row.id,
    algorithm: signingAlgorithm,
    publicJwk: row.public_jwk,
    sealedPrivateKey: row.sealed_private_key,
    publishedAt: row.published_at,
    signsFrom: row.signs_from,
    rotatesAt: row.rotates_at ?? undefined,
    verifiesUntil: row.verifies_until ?? undefined,
  };
}
