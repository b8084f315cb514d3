import type { Database, Tx } from "../../../kernel/database.ts";
import { statement, timestamps } from "../../../kernel/database.ts";
import { behindAllIds } from "../../../kernel/ids.ts";
import type {
  ChannelAccountRecord,
  ChannelAccountsWorld,
  CreateChannelAccount,
} from "../domain/channel-accounts.ts";
import type { ChannelAccountId } from "../domain/types.ts";

interface ChannelAccountRow {
  id: ChannelAccountId;
  channel: string;
  merchant_id: string;
  app_id: string;
  label: string;
  sealed_config: string;
  active: boolean;
  created_at: number;
}

const columns = "id, channel, merchant_id, app_id, label, sealed_config, active, created_at";

const lockAccounts = statement(
  "payments.lock_channel_accounts",
  `select ${columns}
   from payments.channel_accounts where tenant_id = $1 and id = any($2::uuid[])
   order by id for no key update`,
);

const selectSameContracts = statement(
  "payments.same_channel_accounts",
  `select ${columns} from payments.channel_accounts
   join unnest($2::text[], $3::text[], $4::text[]) as w (in_channel, of_merchant, for_app)
     on channel = w.in_channel and merchant_id = w.of_merchant and app_id = w.for_app
   where tenant_id = $1`,
);

const insertAccounts = statement(
  "payments.insert_channel_accounts",
  `insert into payments.channel_accounts
     (tenant_id, id, channel, merchant_id, app_id, label, sealed_config, active, created_at)
   select $1, a.id, a.channel, a.merchant_id, a.app_id, a.label, a.sealed_config, a.active,
          a.created_at
   from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
               $8::boolean[], $9::timestamptz[])
     as a (id, channel, merchant_id, app_id, label, sealed_config, active, created_at)`,
);

const updateAccounts = statement(
  "payments.update_channel_accounts",
  `update payments.channel_accounts a
   set label = n.label, sealed_config = n.sealed_config, active = n.active
   from unnest($2::uuid[], $3::text[], $4::text[], $5::boolean[])
     as n (id, label, sealed_config, active)
   where a.tenant_id = $1 and a.id = n.id`,
);

const selectAccount = statement(
  "payments.read_channel_account",
  `select ${columns}
   from payments.channel_accounts where tenant_id = $1 and id = $2`,
);

const selectActive = statement(
  "payments.active_channel_account",
  `select id from payments.channel_accounts
   where tenant_id = $1 and channel = $2 and active
   order by id limit 1`,
);

const selectAccounts = statement(
  "payments.list_channel_accounts",
  `select ${columns}
   from payments.channel_accounts
   where tenant_id = $1 and id < $2 and ($3::text is null or channel = $3)
   order by id desc limit $4`,
);

/**
 * Locks the accounts that are changed. A new account cannot be locked: the unique key is the judge,
 * and the batch that lost is loaded anew and finds the one that was first.
 */
export async function loadChannelAccounts(
  tx: Tx,
  wanted: {
    readonly ids?: readonly ChannelAccountId[];
    readonly contracts?: readonly CreateChannelAccount[];
  },
): Promise<ChannelAccountsWorld> {
  const { ids = [], contracts = [] } = wanted;
  const rows =
    contracts.length === 0
      ? await tx.rows<ChannelAccountRow>(lockAccounts, [tx.tenantId, ids])
      : await tx.rows<ChannelAccountRow>(selectSameContracts, [
          tx.tenantId,
          contracts.map(({ channel }) => channel),
          contracts.map(({ merchantId }) => merchantId),
          contracts.map(({ appId }) => appId),
        ]);
  return {
    accounts: new Map(rows.map((row) => [row.id, accountOf(row)])),
    written: { created: [], changed: new Map(), events: [] },
  };
}

export function saveChannelAccounts(tx: Tx, { written }: ChannelAccountsWorld): void {
  const { created, changed, events } = written;
  if (created.length > 0) {
    tx.write(insertAccounts, [
      tx.tenantId,
      created.map(({ id }) => id),
      created.map(({ channel }) => channel),
      created.map(({ merchantId }) => merchantId),
      created.map(({ appId }) => appId),
      created.map(({ label }) => label),
      created.map(({ sealedConfig }) => sealedConfig),
      created.map(({ active }) => active),
      timestamps(created.map(({ createdAt }) => createdAt)),
    ]);
  }
  if (changed.size > 0) {
    const accounts = [...changed.values()];
    tx.write(updateAccounts, [
      tx.tenantId,
      accounts.map(({ id }) => id),
      accounts.map(({ label }) => label),
      accounts.map(({ sealedConfig }) => sealedConfig),
      accounts.map(({ active }) => active),
    ]);
  }
  tx.emit(events);
}

export async function selectChannelAccount(
  database: Database,
  tenantId: string,
  id: string,
): Promise<ChannelAccountRecord | undefined> {
  const [row] = await database.read<ChannelAccountRow>(tenantId, selectAccount, [tenantId, id]);
  return row === undefined ? undefined : accountOf(row);
}

/** Of several the oldest: opening another one moves nobody's money until that one is put aside. */
export async function selectActiveAccount(
  database: Database,
  tenantId: string,
  channel: string,
): Promise<ChannelAccountId | undefined> {
  const values = [tenantId, channel];
  const [row] = await database.read<{ id: ChannelAccountId }>(tenantId, selectActive, values);
  return row?.id;
}

/** Newest first. */
export async function selectChannelAccountPage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly channel: string | undefined;
    readonly before: ChannelAccountId | undefined;
    readonly limit: number;
  },
): Promise<ChannelAccountRecord[]> {
  const values = [tenantId, wanted.before ?? behindAllIds, wanted.channel ?? null, wanted.limit];
  const rows = await database.read<ChannelAccountRow>(tenantId, selectAccounts, values);
  return rows.map(accountOf);
}

function accountOf(row: ChannelAccountRow): ChannelAccountRecord {
  return {
    id: row.id,
    channel: row.channel,
    merchantId: row.merchant_id,
    appId: row.app_id,
    label: row.label,
    sealedConfig: row.sealed_config,
    active: row.active,
    createdAt: row.created_at,
  };
}
