import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import type { Clock } from "../../../kernel/time.ts";
import type { TenantSetting } from "../domain/settings.ts";
import { createAuthentication } from "./authentication.ts";
import { createKeyring } from "./keyring.ts";
import { createSettings } from "./settings.ts";
import { createSigningKeys } from "./signing-keys.ts";
import { createSubmitTokens } from "./submit-tokens.ts";
import { createTenants } from "./tenants.ts";
import { createTokens } from "./tokens.ts";

export interface IdentityDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly clock: Clock;
  /** Seals private keys, signs submit tokens. */
  readonly secrets: Secrets;
  /** The settings that all modules declare. */
  readonly tenantSettings: readonly TenantSetting[];
}

export type Identity = ReturnType<typeof createIdentity>;

export function createIdentity(deps: IdentityDeps) {
  const keyring = createKeyring(deps);
  const authentication = createAuthentication({ ...deps, keyring });
  const signingKeys = createSigningKeys({ ...deps, keyring, authentication });
  const settings = createSettings({ ...deps, definitions: deps.tenantSettings });
  return {
    authenticate: authentication.authenticate,
    /** The keys with which others verify our tokens (RFC 7517). */
    publishedKeys: keyring.published,
    ...signingKeys,
    ...createTokens({ ...deps, keyring, authentication, signingKeys }),
    ...createSubmitTokens(deps),
    ...createTenants({ ...deps, authentication }),
    setting: settings.setting,
    settingDefinitions: settings.definitions,
    readSettings: settings.readSettings,
    changeSettings: settings.changeSettings,
    readSettingChanges: settings.readChanges,
    /** For the metrics. */
    caches: [settings.cache],
  };
}
