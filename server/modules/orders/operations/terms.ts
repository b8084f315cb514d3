import Type from "typebox";
import { dayMs, minuteMs } from "../../../kernel/time.ts";
import type { Identity } from "../../identity/index.ts";
import { defineTenantSetting } from "../../identity/index.ts";
import type { LatePayment } from "../domain/types.ts";
import { latePaymentChoices } from "../domain/types.ts";

/** As long as shops usually let a buyer complain after a payment. */
const completeAfterDaysDefault = 7;
const latePaymentDefault: LatePayment = "refund";

/** What a tenant may choose; the installation says what holds for the first by default. */
export function orderTenantSettings(platform: { readonly closeAfterMinutes: number }) {
  return {
    closeAfterMinutes: defineTenantSetting({
      name: "orders.close_after_minutes",
      // Channels keep an unpaid trade for some days at most; a week is past them all.
      schema: Type.Integer({ minimum: 1, maximum: 10_080 }),
      platformDefault: platform.closeAfterMinutes,
      meaning: "Minutes after which an unpaid order is closed.",
    }),
    completeAfterDays: defineTenantSetting({
      name: "orders.complete_after_days",
      schema: Type.Integer({ minimum: 1, maximum: 365 }),
      platformDefault: completeAfterDaysDefault,
      meaning: "Days after which a paid order is completed by itself.",
    }),
    latePayment: defineTenantSetting({
      name: "orders.late_payment",
      schema: Type.Enum([...latePaymentChoices]),
      platformDefault: latePaymentDefault,
      meaning:
        "What becomes of money for an order that is closed already: refund it, or revive the order when its units are still there.",
    }),
  };
}

export type OrderTenantSettings = ReturnType<typeof orderTenantSettings>;

/** What the tenant has chosen, in the units of decisions. */
export function createTerms(deps: {
  readonly identity: Identity;
  readonly tenantSettings: OrderTenantSettings;
}) {
  const { identity, tenantSettings } = deps;
  return {
    async closeAfterMs(tenantId: string): Promise<number> {
      return (await identity.setting(tenantId, tenantSettings.closeAfterMinutes)) * minuteMs;
    },
    async completeAfterMs(tenantId: string): Promise<number> {
      return (await identity.setting(tenantId, tenantSettings.completeAfterDays)) * dayMs;
    },
    latePayment: (tenantId: string): Promise<LatePayment> =>
      identity.setting(tenantId, tenantSettings.latePayment),
  };
}

export type Terms = ReturnType<typeof createTerms>;
