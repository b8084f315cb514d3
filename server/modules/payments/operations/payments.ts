import Type from "typebox";
import type { Committers } from "../../../kernel/batch.ts";
import type { Database } from "../../../kernel/database.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Metrics } from "../../../kernel/metrics.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import type { Secrets } from "../../../kernel/secrets.ts";
import type { Clock } from "../../../kernel/time.ts";
import { secondMs } from "../../../kernel/time.ts";
import type { Identity } from "../../identity/index.ts";
import { defineTenantSetting } from "../../identity/index.ts";
import { firstQueryMsDefault } from "../domain/schedules.ts";
import type { ChannelPlug } from "../plug.ts";
import { createAttempts } from "./attempts.ts";
import { createChannelCalls } from "./calls.ts";
import { createChannelAccounts } from "./channel-accounts.ts";
import { createNotices } from "./notices.ts";
import { createPaymentReads } from "./reads.ts";
import { createRefunds } from "./refunds.ts";

/** What a tenant may choose about its payments. */
export function paymentTenantSettings() {
  return {
    firstQueryAfterSeconds: defineTenantSetting({
      name: "payments.first_query_after_seconds",
      // Later than ten minutes, a lost notice would leave the payer without what was bought.
      schema: Type.Integer({ minimum: -1, maximum: 600 }),
      platformDefault: -1,
      meaning:
        "Seconds after which the channel is first asked about a payment that nobody has told of; " +
        `-1: ${firstQueryMsDefault / secondMs}.`,
    }),
  };
}

export type PaymentTenantSettings = ReturnType<typeof paymentTenantSettings>;

export interface PaymentsDeps {
  readonly database: Database;
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly clock: Clock;
  /** Seals the configuration of channel accounts. */
  readonly secrets: Secrets;
  readonly identity: Pick<Identity, "setting">;
  readonly tenantSettings: PaymentTenantSettings;
  readonly channels: readonly ChannelPlug[];
  /** The hosts that accounts at channels may name. */
  readonly channelHosts: readonly string[];
  /** How channels reach us with their notices. */
  readonly publicUrl: string;
  readonly outsideCall?: Metrics["outsideCall"];
}

export type Payments = ReturnType<typeof createPayments>;

export function createPayments(deps: PaymentsDeps) {
  const { identity, tenantSettings, clock, publicUrl } = deps;
  const accounts = createChannelAccounts(deps);
  const { capabilities } = accounts;
  const calls = createChannelCalls({
    clock,
    publicUrl,
    capabilities,
    outsideCall: deps.outsideCall,
  });
  const firstQueryMs = async (tenantId: string): Promise<number> => {
    const seconds = await identity.setting(tenantId, tenantSettings.firstQueryAfterSeconds);
    return seconds < 0 ? firstQueryMsDefault : seconds * secondMs;
  };
  const shared = { ...deps, accounts, calls };
  return {
    channelAccounts: accounts,
    channelTable: capabilities,
    chooseChannel: accounts.choose,
    ...createAttempts({ ...shared, firstQueryMs }),
    ...createRefunds(shared),
    ...createNotices(shared),
    ...createPaymentReads(deps),
  };
}
