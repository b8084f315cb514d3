/** A merchant's contracts with channels, as a tenant's staff makes and changes them. Pure. */
import { assert } from "../../../kernel/assert.ts";
import type { NewEvent } from "../../../kernel/events.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { AccountIdentity, ChannelAccountId } from "./types.ts";

/** Its identity never changes: attempts refer to it for as long as there are refunds. */
export interface ChannelAccountRecord extends AccountIdentity {
  readonly label: string;
  /** The channel's own configuration, sealed: no decision looks inside. */
  readonly sealedConfig: string;
  /** New attempts go over active accounts only; old ones are asked about all the same. */
  readonly active: boolean;
  readonly createdAt: number;
}

export interface ChannelAccountTold {
  readonly accountId: ChannelAccountId;
  readonly channel: string;
  readonly merchantId: string;
  readonly appId: string;
  readonly active: boolean;
  /** The subject of the token. */
  readonly by: string;
}

export type ChannelAccountEvent =
  | NewEvent<"channel_account_created", ChannelAccountTold>
  | NewEvent<"channel_account_changed", ChannelAccountTold & { readonly newConfig: boolean }>;

export interface ChannelAccountsWorld {
  readonly accounts: Map<ChannelAccountId, ChannelAccountRecord>;
  readonly written: {
    readonly created: ChannelAccountRecord[];
    readonly changed: Map<ChannelAccountId, ChannelAccountRecord>;
    readonly events: ChannelAccountEvent[];
  };
}

export interface CreateChannelAccount extends AccountIdentity {
  readonly label: string;
  readonly sealedConfig: string;
  readonly active: boolean;
  readonly by: string;
}

/** What is undefined stays as it is. */
export interface ChangeChannelAccount {
  readonly accountId: ChannelAccountId;
  readonly label: string | undefined;
  readonly sealedConfig: string | undefined;
  readonly active: boolean | undefined;
  readonly by: string;
}

export interface ChannelAccountOutcome {
  readonly kind: "account";
  readonly isNew: boolean;
  readonly account: ChannelAccountRecord;
}

/** One account per channel, merchant and app: two would be two books of one thing. */
export function decideCreateChannelAccount(
  world: ChannelAccountsWorld,
  command: CreateChannelAccount,
  now: number,
): ChannelAccountOutcome | Refusal {
  assert(!world.accounts.has(command.id), "an account's id is new");
  const { by, ...given } = command;
  const other = [...world.accounts.values()].find((account) => isSameContract(account, command));
  if (other !== undefined) {
    const { channel, merchantId, appId, id } = other;
    return refuse("channel_account_exists", { channel, merchantId, appId, accountId: id });
  }

  const account = { ...given, createdAt: now };
  world.accounts.set(account.id, account);
  world.written.created.push(account);
  world.written.events.push({ type: "channel_account_created", data: told(account, by) });
  return { kind: "account", isNew: true, account };
}

export function decideChangeChannelAccount(
  world: ChannelAccountsWorld,
  command: ChangeChannelAccount,
): ChannelAccountOutcome | Refusal {
  const before = world.accounts.get(command.accountId);
  if (before === undefined) return noChannelAccount;

  const account = {
    ...before,
    label: command.label ?? before.label,
    sealedConfig: command.sealedConfig ?? before.sealedConfig,
    active: command.active ?? before.active,
  };
  world.accounts.set(account.id, account);
  world.written.changed.set(account.id, account);
  const newConfig = command.sealedConfig !== undefined;
  const data = { ...told(account, command.by), newConfig };
  world.written.events.push({ type: "channel_account_changed", data });
  return { kind: "account", isNew: false, account };
}

export const noChannelAccount = refuse("not_found", { what: "channel account" });

function isSameContract(one: AccountIdentity, other: AccountIdentity): boolean {
  if (one.channel !== other.channel) return false;
  return one.merchantId === other.merchantId && one.appId === other.appId;
}

function told(account: ChannelAccountRecord, by: string): ChannelAccountTold {
  const { id: accountId, channel, merchantId, appId, active } = account;
  return { accountId, channel, merchantId, appId, active, by };
}

/** Where the channel tells about this account, below the platform's public address. */
export function noticePathOf(tenantId: string, account: AccountIdentity): string {
  return `/notices/${account.channel}/${tenantId}/${account.id}`;
}

/**
 * Finds the address of a configuration that leads to another host than the operator allows: else
 * any admin could have this machine call what only it can reach. A host that is allowed without a
 * port may be called at any. `config` has been parsed by its channel.
 */
export function findForeignAddress(
  config: unknown,
  { fields, hosts }: { readonly fields: readonly string[]; readonly hosts: readonly string[] },
): string | undefined {
  assert(typeof config === "object" && config !== null, "a parsed configuration is an object");
  const addresses = new Map<string, unknown>(Object.entries(config));
  return fields.find((field) => {
    const address = addresses.get(field);
    if (address === undefined) return false;
    const url = URL.parse(String(address));
    if (url === null) return true;
    const port = url.port === "" ? portOf[url.protocol] : url.port;
    return !hosts.includes(url.hostname) && !hosts.includes(`${url.hostname}:${port}`);
  });
}

/** Of addresses that name none. */
const portOf: Readonly<Record<string, string>> = { "https:": "443", "http:": "80" };

/** In place of every value of a configuration. Names of fields, serials of keys are no secret. */
const masked = "(set)";
/** No channel's configuration is deeper: a list of keys is the deepest there is. */
const maskedDepthMax = 4;

export type MaskedConfig = string | readonly MaskedConfig[] | { [field: string]: MaskedConfig };

/** Says which fields are set and nothing of what is in them. */
export function maskConfig(config: unknown, depth = 0): MaskedConfig {
  if (typeof config !== "object" || config === null || depth === maskedDepthMax) return masked;
  if (Array.isArray(config)) return config.map((item) => maskConfig(item, depth + 1));
  const fields = Object.entries(config).map(([name, value]) => [
    name,
    maskConfig(value, depth + 1),
  ]);
  return Object.fromEntries(fields);
}
