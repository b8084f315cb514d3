import type { Committers } from "../../../kernel/batch.ts";
import type { Tx } from "../../../kernel/database.ts";
import type { Operation } from "../../../kernel/operation.ts";
import { execute } from "../../../kernel/operation.ts";
import { formatInstant } from "../../../kernel/time.ts";
import type {
  RotateSigningKey,
  RotateSigningKeyOutcome,
  RotationCause,
  SigningKeysWorld,
} from "../domain/signing-keys.ts";
import { decideRotateSigningKey } from "../domain/signing-keys.ts";
import { platformTenantId } from "../domain/tenants.ts";
import { dropSigningKeys, loadSigningKeys, saveSigningKeys } from "../store/signing-keys.ts";
import type { Authentication } from "./authentication.ts";
import type { Keyring } from "./keyring.ts";

export function createSigningKeys(deps: {
  readonly committers: Committers;
  readonly keyring: Keyring;
  readonly authentication: Authentication;
}) {
  const { committers, keyring, authentication } = deps;

  function forgetWhatWasKnown(): void {
    keyring.forget();
    authentication.forgetAll();
  }

  return {
    /**
     * Publishes a new key, which signs ten minutes later; the old one verifies until its last token
     * has expired. After a compromise the new one signs at once, and every token of the old ones is
     * dead: here at once, in other processes within a minute.
     */
    async rotateSigningKey(cause: Exclude<RotationCause, "age">): Promise<RotateSigningKeyOutcome> {
      const command = { cause, key: await keyring.make() };
      const outcome = await committers.run(rotateSigningKey, platformTenantId, command);
      forgetWhatWasKnown();
      return outcome;
    },

    /**
     * Rotates a key that is old enough and drops keys that verify nothing any more. Gives how many
     * keys that were.
     */
    async maintainSigningKeys(tx: Tx): Promise<number> {
      const command: RotateSigningKey = { cause: "age", key: await keyring.make() };
      const outcomes = await execute(tx, rotateSigningKey, [command]);
      tx.afterCommit(forgetWhatWasKnown);
      const dropped = await dropSigningKeys(tx);
      return dropped + outcomes.filter(({ kind }) => kind === "rotated").length;
    },
  };
}

const rotateSigningKey: Operation<RotateSigningKey, SigningKeysWorld, RotateSigningKeyOutcome> = {
  name: "identity.rotate_signing_key",
  batchMax: 1,
  load: (tx) => loadSigningKeys(tx),
  decide: decideRotateSigningKey,
  save: (tx, world, outcomes) => {
    saveSigningKeys(tx, world);
    tx.emit(
      outcomes.flatMap((outcome) => {
        if (outcome.kind !== "rotated") return [];
        const { cause, key } = outcome;
        const data = { keyId: key.id, cause, signsFrom: formatInstant(key.signsFrom) };
        return [{ type: "signing_key_rotated", data }];
      }),
    );
  },
};
