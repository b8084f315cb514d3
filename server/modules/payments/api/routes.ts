import type { App } from "../../../kernel/app.ts";
import type { Notices } from "../operations/notices.ts";
import type { PaymentReads } from "../operations/reads.ts";
import type { ManagedAccounts } from "./channel-accounts.ts";
import { accountReads, accountWrites } from "./channel-accounts.ts";
import { noticeReads, noticeRoute } from "./notices.ts";
import { logRoutes, paymentRoutes, refundRoutes } from "./payments.ts";

export interface PaymentsApi extends Notices, PaymentReads {
  readonly channelAccounts: ManagedAccounts;
}

export function paymentsRoutes(app: App, payments: PaymentsApi): void {
  noticeRoute(app, payments);
  accountReads(app, payments.channelAccounts);
  accountWrites(app, payments.channelAccounts);
  paymentRoutes(app, payments);
  logRoutes(app, payments);
  refundRoutes(app, payments);
  noticeReads(app, payments);
}
