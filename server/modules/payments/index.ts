// Payments: attempts to pay over channels, their refunds, and what channels tell about both.
// Higher modules load payments inside their own transaction, decide with the functions below and
// save; then they hear of the end by events: payment_paid, payment_closed, refund_succeeded.
export { refundAccountsOf } from "./domain/ledger-accounts.ts";
export type {
  ChosenChannel,
  ClosePaymentOutcome,
  OpenAttempt,
  OpenAttemptOutcome,
} from "./domain/attempts.ts";
export { decideClosePayment, decideOpenAttempt } from "./domain/attempts.ts";
export { attemptMachine, paymentMachine, refundMachine } from "./domain/machines.ts";
export type { ChannelTable } from "./domain/refunds.ts";
export { decideRequestRefund, refundableOf } from "./domain/refunds.ts";
export type {
  Attempt,
  AttemptId,
  Payment,
  PaymentClosed,
  PaymentPaid,
  PaymentsWorld,
  Refund,
  RefundId,
  RefundTold,
  RefundTrouble,
} from "./domain/types.ts";
export type { Payments } from "./operations/payments.ts";
export { createPayments, paymentTenantSettings } from "./operations/payments.ts";
export { savePayments } from "./store/save.ts";
export { loadPayments } from "./store/world.ts";
export type { ChannelCapabilities, PaymentMethod } from "./plug.ts";
