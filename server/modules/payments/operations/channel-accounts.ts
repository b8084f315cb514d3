import { required } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import { createCache } from "../../../kernel/cache.ts";
import type { Database } from "../../../kernel/database.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import { invalidRequest } from "../../../kernel/validation.ts";
import { refuse } from "../../../refusals.ts";
import type { ChosenChannel } from "../domain/attempts.ts";
import type {
  ChangeChannelAccount,
  ChannelAccountOutcome,
  ChannelAccountRecord,
  ChannelAccountsWorld,
  CreateChannelAccount,
  MaskedConfig,
} from "../domain/channel-accounts.ts";
import {
  decideChangeChannelAccount,
  decideCreateChannelAccount,
  findForeignAddress,
  maskConfig,
  noChannelAccount,
} from "../domain/channel-accounts.ts";
import type { ChannelTable } from "../domain/refunds.ts";
import type { AccountIdentity, ChannelAccountId } from "../domain/types.ts";
import { channelAccountView } from "../domain/views.ts";
import type { ChannelAccount, ChannelPlug } from "../plug.ts";
import {
  loadChannelAccounts,
  saveChannelAccounts,
  selectActiveAccount,
  selectChannelAccount,
  selectChannelAccountPage,
} from "../store/channel-accounts.ts";

/** Another process sees a change after this time at the latest, this one at once. */
const knownForMs = 5 * secondMs;
/** Accounts that one process serves within seconds; some kilobytes each, for the keys. */
const openAccountsMax = 2_000;

/** An account ready to be used: its secrets opened, its channel found. */
export interface OpenAccount {
  readonly identity: AccountIdentity;
  readonly plug: ChannelPlug;
  readonly account: ChannelAccount;
}

/** Where a notice came in: whoever sends it may have made up both. */
export interface NoticePlace {
  readonly channel: string;
  readonly accountId: string;
}

/** `config` is what the channel's `parseConfig` takes, `by` the subject of the token. */
export interface NewChannelAccount {
  readonly channel: string;
  readonly merchantId: string;
  readonly appId: string;
  readonly label: string;
  readonly config: unknown;
  readonly active: boolean;
  readonly by: string;
}

/** What is undefined stays as it is. */
export interface ChannelAccountChange {
  readonly accountId: ChannelAccountId;
  readonly label: string | undefined;
  readonly config: unknown;
  readonly active: boolean | undefined;
  readonly by: string;
}

export interface ChannelAccountsDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly clock: Clock;
  /** Seals the configurations. */
  readonly secrets: Secrets;
  readonly channels: readonly ChannelPlug[];
  /** The hosts that accounts may name, as the operator allows them. */
  readonly channelHosts: readonly string[];
}

export type ChannelAccounts = ReturnType<typeof createChannelAccounts>;

/** The accounts of tenants at channels; all but opening them is rare. */
export function createChannelAccounts(deps: ChannelAccountsDeps) {
  const { database, committers, ids, secrets, channelHosts: hosts } = deps;
  const plugs = new Map(deps.channels.map((plug) => [plug.code, plug]));
  const capabilities: ChannelTable = new Map(
    deps.channels.map((plug) => [plug.code, plug.capabilities]),
  );
  const opened = createOpenedAccounts(deps, plugs);

  /** Checked before it is sealed, so that only a configuration that works is ever kept. */
  function seal(wanted: { channel: string; id: ChannelAccountId }, config: unknown) {
    const plug = plugs.get(wanted.channel);
    if (plug === undefined) return unknownChannel(capabilities);
    const parsed = plug.parseConfig(config);
    if (parsed.kind === "refused") return wrongConfig(parsed);
    const foreign = findForeignAddress(config, { fields: plug.addressFields, hosts });
    if (foreign !== undefined) return foreignHost(foreign, hosts);
    return secrets.seal(JSON.stringify(config), placeOf(wanted.id));
  }

  return {
    /** What each channel can do, by its code. */
    capabilities,
    /** For the metrics. */
    caches: opened.caches,
    choose: opened.choose,
    open: opened.open,
    find: opened.find,

    /** Gives the account, 201. Refusals: invalid_request, channel_account_exists. */
    async create(
      tenantId: string,
      key: IdempotencyKey,
      input: NewChannelAccount,
    ): Promise<Answer | Refusal> {
      const { config, ...given } = input;
      const id = ids.next<"ChannelAccount">();
      const sealedConfig = seal({ channel: input.channel, id }, config);
      if (isRefusal(sealedConfig)) return sealedConfig;
      const command = { ...given, id, sealedConfig, tenantId };
      const answer = await committers.runKeyed(createAccount, tenantId, key, command);
      opened.forgetChoice(tenantId, input.channel);
      return answer;
    },

    /** Gives the account. Its identity stays. Refusals: not_found, invalid_request. */
    async change(
      tenantId: string,
      key: IdempotencyKey,
      change: ChannelAccountChange,
    ): Promise<Answer | Refusal> {
      const { config, ...given } = change;
      const account = await selectChannelAccount(database, tenantId, change.accountId);
      if (account === undefined) return noChannelAccount;
      const sealedConfig = config === undefined ? undefined : seal(account, config);
      if (isRefusal(sealedConfig)) return sealedConfig;
      const command = { ...given, sealedConfig, tenantId };
      const answer = await committers.runKeyed(changeAccount, tenantId, key, command);
      opened.forget(tenantId, account);
      return answer;
    },

    /** Of the configuration only which fields are set. */
    async read(
      tenantId: string,
      id: ChannelAccountId,
    ): Promise<{ account: ChannelAccountRecord; config: MaskedConfig } | Refusal> {
      const account = await selectChannelAccount(database, tenantId, id);
      if (account === undefined) return noChannelAccount;
      return { account, config: maskConfig(openConfig(secrets, account)) };
    },

    list(
      tenantId: string,
      wanted: {
        readonly channel: string | undefined;
        readonly before: ChannelAccountId | undefined;
        readonly limit: number;
      },
    ): Promise<ChannelAccountRecord[]> {
      return selectChannelAccountPage(database, tenantId, wanted);
    },
  };
}

/** The accounts as this process knows them, their keys ready for use. */
function createOpenedAccounts(
  { database, clock, secrets }: ChannelAccountsDeps,
  plugs: ReadonlyMap<string, ChannelPlug>,
) {
  const accounts = createCache<string, OpenAccount>({
    name: "channel_accounts",
    clock,
    max: openAccountsMax,
    ttlMs: knownForMs,
    load: async (key) => {
      const [tenantId, id] = partsOf(key);
      const record = await selectChannelAccount(database, tenantId, id);
      const plug = plugs.get(record?.channel ?? "");
      if (record === undefined || plug === undefined) return undefined;
      const parsed = plug.parseConfig(openConfig(secrets, record));
      // What an older version took and this one does not: nobody can call the channel with it.
      if (parsed.kind === "refused") {
        throw new Error(`account ${id} lacks ${parsed.field}: ${parsed.allowed}`);
      }
      const { channel, merchantId, appId } = record;
      const identity = { id: record.id, channel, merchantId, appId };
      return {
        identity,
        plug,
        account: { id: record.id, merchantId, appId, config: parsed.config },
      };
    },
  });
  const choices = createCache<string, ChannelAccountId>({
    name: "chosen_channel_accounts",
    clock,
    max: openAccountsMax,
    ttlMs: knownForMs,
    load: async (key) => selectActiveAccount(database, ...partsOf(key)),
  });

  async function find(
    tenantId: string,
    { channel, accountId }: NoticePlace,
  ): Promise<OpenAccount | undefined> {
    const found = await accounts.get(keyOf(tenantId, accountId));
    return found?.identity.channel === channel ? found : undefined;
  }

  return {
    caches: [accounts, choices],
    forgetChoice: (tenantId: string, channel: string) => choices.forget(keyOf(tenantId, channel)),
    forget(tenantId: string, { id, channel }: AccountIdentity): void {
      accounts.forget(keyOf(tenantId, id));
      choices.forget(keyOf(tenantId, channel));
    },

    /** The tenant's active account at a channel. Refusals: channel_not_available. */
    async choose(tenantId: string, channel: string): Promise<ChosenChannel | Refusal> {
      const plug = plugs.get(channel);
      if (plug === undefined) return refuse("channel_not_available", { channel });
      const accountId = await choices.get(keyOf(tenantId, channel));
      if (accountId === undefined) return refuse("channel_not_available", { channel });
      return { accountId, channel, capabilities: plug.capabilities };
    },

    /** Opens any account, also an inactive one: its old attempts are still asked about. */
    async open(tenantId: string, accountId: ChannelAccountId): Promise<OpenAccount> {
      return required(await accounts.get(keyOf(tenantId, accountId)), `account ${accountId}`);
    },

    find,
  };
}

function keyOf(tenantId: string, name: string): string {
  return `${tenantId} ${name}`;
}

function partsOf(key: string): [tenantId: string, name: string] {
  const at = key.indexOf(" ");
  return [key.slice(0, at), key.slice(at + 1)];
}

function openConfig(secrets: Secrets, { id, sealedConfig }: ChannelAccountRecord): unknown {
  return JSON.parse(secrets.open(sealedConfig, placeOf(id)).toString("utf8"));
}

function placeOf(id: ChannelAccountId): string {
  return `payments.channel_accounts:${id}:sealed_config`;
}

function unknownChannel(capabilities: ChannelTable): Refusal {
  const allowed = [...capabilities.keys()].join(", ");
  return invalidRequest([{ field: "channel", problem: "is not one of ours", allowed }]);
}

function wrongConfig({ field, allowed }: { field: string; allowed: string }): Refusal {
  const path = field === "" ? "config" : `config.${field}`;
  return invalidRequest([{ field: path, problem: "is not what the channel needs", allowed }]);
}

function foreignHost(field: string, hosts: readonly string[]): Refusal {
  const problem = "names a host that is not called from here";
  return invalidRequest([{ field: `config.${field}`, problem, allowed: hosts.join(", ") }]);
}

/** The tenant stands in the answer's address for notices. */
type OfTenant<Command> = Command & { readonly tenantId: string };
type Outcome = (ChannelAccountOutcome & { readonly tenantId: string }) | Refusal;

const createAccount: KeyedOperation<
  OfTenant<CreateChannelAccount>,
  ChannelAccountsWorld,
  Outcome
> = {
  name: "payments.create_channel_account",
  batchMax: 1,
  load: (tx, contracts) => loadChannelAccounts(tx, { contracts }),
  decide: (world, { tenantId, ...command }, now) =>
    ofTenant(tenantId, decideCreateChannelAccount(world, command, now)),
  save: saveChannelAccounts,
  answer,
};

const changeAccount: KeyedOperation<
  OfTenant<ChangeChannelAccount>,
  ChannelAccountsWorld,
  Outcome
> = {
  name: "payments.change_channel_account",
  batchMax: 1,
  load: (tx, commands) =>
    loadChannelAccounts(tx, { ids: commands.map(({ accountId }) => accountId) }),
  decide: (world, { tenantId, ...command }) =>
    ofTenant(tenantId, decideChangeChannelAccount(world, command)),
  save: saveChannelAccounts,
  answer,
};

function ofTenant(tenantId: string, outcome: ChannelAccountOutcome | Refusal): Outcome {
  return isRefusal(outcome) ? outcome : { ...outcome, tenantId };
}

function answer(outcome: Outcome): Answer | Refusal {
  if (isRefusal(outcome)) return outcome;
  const body = JSON.stringify(channelAccountView(outcome.tenantId, outcome.account));
  return { kind: "answered", status: outcome.isNew ? 201 : 200, body };
}
