import type { CryptoKey, JWK } from "jose";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from "jose";
import { assert } from "../../../kernel/assert.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { NewSigningKey, PublicJwk, SigningKey } from "../domain/signing-keys.ts";
import { isVerifying, signingAlgorithm, signingKeyAt } from "../domain/signing-keys.ts";
import { readSigningKeys } from "../store/signing-keys.ts";

/**
 * A process looks at the keys again after this time. With the time for which verified tokens are
 * remembered it makes the minute after which a leaked key is of no use anywhere.
 */
const keysAgeMaxMs = 30 * secondMs;
/** Anybody can write an unknown key id into a token; such tokens cost one look in this time. */
const unknownKeyPauseMs = 5 * secondMs;

export interface VerifyingKey {
  readonly id: string;
  /** The only algorithm that a token of this key may name. */
  readonly algorithm: string;
  readonly publicKey: CryptoKey;
}

export interface Signer {
  readonly id: string;
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
}

/** One entry of the published key set (RFC 7517). */
export interface PublishedKey extends PublicJwk {
  readonly kid: string;
  readonly alg: string;
  readonly use: "sig";
}

interface LoadedKey extends VerifyingKey {
  readonly row: SigningKey;
}

export type Keyring = ReturnType<typeof createKeyring>;

/** The signing keys as this process knows them. Private keys are opened when one signs. */
export function createKeyring(deps: {
  readonly database: Database;
  readonly clock: Clock;
  readonly secrets: Secrets;
}) {
  const { database, clock, secrets } = deps;
  let keys: ReadonlyMap<string, LoadedKey> = new Map();
  let loadedAt = Number.NEGATIVE_INFINITY;
  let lookedForUnknownAt = Number.NEGATIVE_INFINITY;
  let loading: Promise<ReadonlyMap<string, LoadedKey>> | undefined;

  /** Joins a load under way: whatever the number of callers, one reads. */
  function load(): Promise<ReadonlyMap<string, LoadedKey>> {
    if (loading !== undefined) return loading;
    const own = readKeys().then(
      (read) => {
        // One that was forgotten meanwhile read what is not true any more.
        if (loading === own) {
          keys = read.keys;
          loadedAt = read.at;
          loading = undefined;
        }
        return read.keys;
      },
      (error: unknown) => {
        if (loading === own) loading = undefined;
        throw error;
      },
    );
    loading = own;
    return own;
  }

  async function readKeys() {
    const at = clock.now();
    const loaded = await Promise.all((await readSigningKeys(database)).map(loadedKeyOf));
    return { at, keys: new Map(loaded.map((key) => [key.id, key])) };
  }

  async function fresh(): Promise<ReadonlyMap<string, LoadedKey>> {
    return clock.now() - loadedAt < keysAgeMaxMs ? keys : load();
  }

  function verifying(known: ReadonlyMap<string, LoadedKey>, id: string): LoadedKey | undefined {
    const key = known.get(id);
    return key !== undefined && isVerifying(key.row, clock.now()) ? key : undefined;
  }

  async function signerOf(key: SigningKey): Promise<Signer> {
    const jwk = JSON.parse(secrets.open(key.sealedPrivateKey, placeOf(key.id)).toString()) as JWK;
    return { id: key.id, algorithm: key.algorithm, privateKey: await importKey(jwk) };
  }

  return {
    /** The key that verifies tokens of this `kid`; undefined when there is none (any more). */
    async verifier(id: string): Promise<VerifyingKey | undefined> {
      const known = await fresh();
      if (known.has(id)) return verifying(known, id);
      if (loading !== undefined) return verifying(await loading, id);
      const now = clock.now();
      if (now - lookedForUnknownAt < unknownKeyPauseMs) return undefined;
      // Another process may have published it a moment ago.
      lookedForUnknownAt = now;
      return verifying(await load(), id);
    },

    /** The key that signs now; undefined before the first key was made. */
    async current(): Promise<Signer | undefined> {
      const rows = [...(await fresh()).values()].map(({ row }) => row);
      const key = signingKeyAt(rows, clock.now());
      return key === undefined ? undefined : signerOf(key);
    },

    async signer(id: string): Promise<Signer | undefined> {
      const key = verifying(await fresh(), id);
      return key === undefined ? undefined : signerOf(key.row);
    },

    /** All keys that verify, those too that do not sign yet. */
    async published(): Promise<PublishedKey[]> {
      const known = [...(await fresh()).values()];
      return known
        .filter(({ row }) => isVerifying(row, clock.now()))
        .map(({ id, algorithm, row }) => ({
          ...row.publicJwk,
          kid: id,
          alg: algorithm,
          use: "sig",
        }));
    },

    /** This process has changed the keys: whoever asks next reads them. */
    forget(): void {
      loadedAt = Number.NEGATIVE_INFINITY;
      loading = undefined;
    },

    async make(): Promise<NewSigningKey> {
      const pair = await generateKeyPair(signingAlgorithm, { crv: "Ed25519", extractable: true });
      const publicJwk = publicJwkOf(await exportJWK(pair.publicKey));
      const id = await calculateJwkThumbprint(publicJwk);
      const privateJwk = JSON.stringify(await exportJWK(pair.privateKey));
      const sealedPrivateKey = secrets.seal(privateJwk, placeOf(id));
      return { id, algorithm: signingAlgorithm, publicJwk, sealedPrivateKey };
    },
  };
}

function placeOf(keyId: string): string {
  return `identity.signing_keys:${keyId}:sealed_private_key`;
}

async function loadedKeyOf(row: SigningKey): Promise<LoadedKey> {
  const publicKey = await importKey(row.publicJwk);
  return { id: row.id, algorithm: row.algorithm, publicKey, row };
}

async function importKey(jwk: JWK | PublicJwk): Promise<CryptoKey> {
  const key = await importJWK({ ...jwk }, signingAlgorithm);
  assert(!(key instanceof Uint8Array), "a signing key is asymmetric");
  return key;
}

/** Takes the public members alone, whatever else the library exports. */
function publicJwkOf(jwk: JWK): PublicJwk {
  const { kty, crv, x } = jwk;
  assert(kty === "OKP" && crv === "Ed25519" && x !== undefined);
  return { kty: "OKP", crv, x };
}
