/** Payments on a real PostgreSQL, and what orders would have them do. */
import type { ChannelPlug, PaymentMethod } from "../../plug.ts";
import { createCommitters } from "../../../../kernel/batch.ts";
import { createDatabase } from "../../../../kernel/database.ts";
import { createIds } from "../../../../kernel/ids.ts";
import { createNumbers } from "../../../../kernel/numbers.ts";
import type { Operation } from "../../../../kernel/operation.ts";
import type { Refusal } from "../../../../kernel/refusal.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { createSecrets } from "../../../../kernel/secrets.ts";
import { testDatabase } from "../../../../kernel/testing/database.ts";
import type { Clock } from "../../../../kernel/time.ts";
import { minuteMs } from "../../../../kernel/time.ts";
import { outsideHost } from "../../../../testing/outside.ts";
import { createIdentity } from "../../../identity/index.ts";
import { createLedger } from "../../../ledger/index.ts";
import type {
  ClosePaymentOutcome,
  OpenAttempt,
  OpenAttemptOutcome,
} from "../../domain/attempts.ts";
import { decideClosePayment, decideOpenAttempt } from "../../domain/attempts.ts";
import type { RefundRequested, RequestRefund } from "../../domain/refunds.ts";
import { decideRequestRefund } from "../../domain/refunds.ts";
import type { PaymentsWorld } from "../../domain/types.ts";
import { savePayments } from "../../store/save.ts";
import { loadPayments } from "../../store/world.ts";
import type { MoneyWorld } from "../money.ts";
import { loadMoney, saveMoney } from "../money.ts";
import { createPayments, paymentTenantSettings } from "../payments.ts";

export type OpenChange = Partial<OpenAttempt> & {
  readonly channel?: string;
  readonly method?: PaymentMethod;
};

export async function createPlatform(given: {
  readonly clock: Clock;
  readonly channels: readonly ChannelPlug[];
  readonly publicUrl: string;
}) {
  const { clock } = given;
  const { url } = await testDatabase();
  const ids = createIds({ clock });
  const numbers = createNumbers({ clock });
  const database = createDatabase({ url, clock, poolMax: 8 });
  const committers = createCommitters({ database });
  const secrets = createSecrets([Buffer.alloc(32, 7)]);
  const base = { database, committers, ids, numbers, clock, secrets };
  const tenantSettings = paymentTenantSettings();
  const identity = createIdentity({ ...base, tenantSettings: Object.values(tenantSettings) });
  const payments = createPayments({
    ...given,
    ...base,
    channelHosts: [outsideHost],
    identity,
    tenantSettings,
  });

  return {
    ...base,
    identity,
    payments,
    ledger: createLedger({ database, clock }),

    /** Opens an attempt as an order would, without preparing it. */
    async openAttempt(tenantId: string, change: OpenChange = {}): Promise<OpenAttemptOutcome> {
      const { channel = "wechatpay", method = "native", ...rest } = change;
      const chosen = await payments.chooseChannel(tenantId, channel);
      if (isRefusal(chosen)) return chosen;
      return await committers.run(openAttempts, tenantId, {
        paymentId: ids.next(),
        attemptId: ids.next(),
        number: numbers.next("P"),
        reference: ids.next<"Order">(),
        description: "Badminton, one hour 羽毛球",
        amountMinor: 1999n,
        currency: "CNY",
        chosen,
        method,
        payerId: undefined,
        payerIp: undefined,
        returnUrl: undefined,
        expiresAt: clock.now() + 30 * minuteMs,
        ...rest,
      });
    },

    closePayment: (tenantId: string, reference: string): Promise<ClosePaymentOutcome> =>
      committers.run(closePayments, tenantId, reference),

    requestRefund: (
      tenantId: string,
      { reference, amountMinor }: Pick<RequestRefund, "reference" | "amountMinor">,
    ): Promise<RefundRequested | Refusal> =>
      committers.run(requestRefunds, tenantId, {
        refundId: ids.next(),
        number: numbers.next("R"),
        reference,
        cause: "requested",
        amountMinor,
        reason: "rain",
        requestedBy: "test",
        channels: payments.channelTable,
      }),

    async stop(): Promise<void> {
      await committers.stop();
      await database.close();
    },
  };
}

const openAttempts: Operation<OpenAttempt, PaymentsWorld, OpenAttemptOutcome> = {
  name: "test.open_attempt",
  batchMax: 10,
  load: (tx, commands) =>
    loadPayments(tx, { references: commands.map(({ reference }) => reference) }),
  decide: decideOpenAttempt,
  save: (tx, world) => savePayments(tx, world),
};

const closePayments: Operation<string, PaymentsWorld, ClosePaymentOutcome> = {
  name: "test.close_payment",
  batchMax: 10,
  load: (tx, references) => loadPayments(tx, { references }),
  decide: decideClosePayment,
  save: (tx, world) => savePayments(tx, world),
};

const requestRefunds: Operation<RequestRefund, MoneyWorld, RefundRequested | Refusal> = {
  name: "test.request_refund",
  batchMax: 10,
  async load(tx, commands) {
    const references = commands.map(({ reference }) => reference);
    const payments = await loadPayments(tx, { references });
    return await loadMoney(tx, payments, [...payments.attempts.keys()]);
  },
  decide: ({ payments, ledger }, command, now) =>
    decideRequestRefund(payments, ledger, command, now),
  save: saveMoney,
};
