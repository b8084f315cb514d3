/**
 * Payments between a real PostgreSQL and the simulated outside world, over real HTTP. Time passes
 * on both sides when a test says so; jobs run when it says so too.
 */
import { required } from "../../../../kernel/assert.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { systemClock } from "../../../../kernel/time.ts";
import {
  channels,
  createAheadClock,
  newMerchant,
  openAccount,
  openOutside,
} from "../../../../testing/outside.ts";
import { createAlipay } from "../../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../../channels/wechatpay/index.ts";
import { loadLedger } from "../../../ledger/index.ts";
import { accountsOfAttempts } from "../../domain/ledger-accounts.ts";
import { leaseMs } from "../../domain/schedules.ts";
import { takeDueAttempts, takeDueRefunds } from "../../store/due.ts";
import { loadPayments } from "../../store/world.ts";
import type { OpenChange } from "./platform.ts";
import { createPlatform } from "./platform.ts";

/** Rounds of asking after which a test would go on for ever. */
const roundsMax = 50;

export async function openStand() {
  const { clock, advance } = createAheadClock();
  const platform = await createPlatform({
    clock,
    // The world's calendar is the machine's, so channels look at that one.
    channels: [createWechatpay({ clock: systemClock }), createAlipay({ clock: systemClock })],
    // Nobody listens there: what is known here has been asked for.
    publicUrl: "http://127.0.0.1:9",
  });
  const { database, ids, identity, payments } = platform;
  const outside = await openOutside();
  const { control } = outside;
  const tenantId = ids.next<"Tenant">();
  await identity.createTenant({ id: tenantId, name: "Harbour Mall" });
  for (const channel of channels)
    await openAccount({ ...platform, tenantId }, await newMerchant(outside, channel));

  /** Opened and prepared: a payer could pay it now. */
  async function prepared(change: OpenChange = {}) {
    const outcome = await platform.openAttempt(tenantId, change);
    if (outcome.kind !== "attempt") throw new Error(outcome.kind);
    const attempt = await payments.prepareAttempt(tenantId, outcome.attempt.id);
    if (isRefusal(attempt)) throw new Error(attempt.code);
    return { attempt, reference: outcome.payment.reference };
  }

  /** Asks channels about all that is due, as the sweeps and jobs do, until nothing is. */
  async function askDue(): Promise<number> {
    let asked = 0;
    for (let round = 0; round < roundsMax; round += 1) {
      const due = await database.transaction(tenantId, async (tx) => ({
        attempts: await takeDueAttempts(tx, { leaseMs, limit: 100 }),
        refunds: await takeDueRefunds(tx, { leaseMs, limit: 100 }),
      }));
      const count = due.attempts.length + due.refunds.length;
      if (count === 0) return asked;
      asked += count;
      await Promise.all([
        ...due.attempts.map((id) => payments.askAttempt(tenantId, id)),
        ...due.refunds.map((id) => payments.askRefund(tenantId, id)),
      ]);
    }
    throw new Error("there is always something due");
  }

  /** What stands in the books about one order's payment. */
  async function look(reference: string) {
    return await database.transaction(tenantId, async (tx) => {
      const world = await loadPayments(tx, { references: [reference] });
      const attempts = [...world.attempts.values()];
      const ledger = await loadLedger(tx, { accounts: accountsOfAttempts(attempts) });
      return {
        payment: required(world.payments.get(reference), "the payment"),
        attempts,
        refunds: [...world.refunds.values()],
        ledger,
      };
    });
  }

  return {
    clock,
    payments,
    control,
    tenantId,
    prepared,
    askDue,
    look,

    openAttempt: (change?: OpenChange) => platform.openAttempt(tenantId, change),
    closePayment: (reference: string) => platform.closePayment(tenantId, reference),
    requestRefund: (reference: string, amountMinor: bigint) =>
      platform.requestRefund(tenantId, { reference, amountMinor }),

    /** Time passes here and outside, and what falls due outside has happened. */
    async advance(ms: number): Promise<void> {
      advance(ms);
      await control.advance(ms);
    },

    /** Types of all events so far, in order. */
    async events(): Promise<string[]> {
      const { rows } = await required(database.pools()[0], "a pool").query<{ type: string }>(
        "select type from kernel.events where tenant_id = $1 order by seq",
        [tenantId],
      );
      return rows.map(({ type }) => type);
    },

    async stop(): Promise<void> {
      await outside.stop();
      await platform.stop();
    },
  };
}
