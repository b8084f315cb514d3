// Payments: attempts to pay over channels, their refunds, and what channels tell about both.
// Higher modules load payments inside their own transaction, decide with the functions below and
// save; then they hear of the end by events: payment_paid, payment_closed, refund_succeeded.
export { accountsOfAttempts, capturedAccount, channelAccount } from "./domain/accounts.ts";
export type {
  ChosenChannel,
  ClosePaymentOutcome,
  OpenAttempt,
  OpenAttemptOutcome,
} from "./domain/attempts.ts";
export {
  decideClosePayment,
  decideOpenAttempt,
  decideRecordClosed,
  decideRecordPrepared,
} from "./domain/attempts.ts";
export { attemptMachine, paymentMachine, refundMachine } from "./domain/machines.ts";
export type { ChannelTable, RefundRequested, RequestRefund } from "./domain/refunds.ts";
export { decideRecordRefund, decideRequestRefund, refundableOf } from "./domain/refunds.ts";
export type { RecordTrade, TradeOutcome } from "./domain/trades.ts";
export { decideRecordTrade } from "./domain/trades.ts";
export type {
  AccountIdentity,
  Attempt,
  AttemptId,
  AttemptState,
  ChannelAccountId,
  LogEntry,
  Payment,
  PaymentClosed,
  PaymentEvent,
  PaymentId,
  PaymentMismatch,
  PaymentPaid,
  PaymentsWorld,
  PaymentState,
  PaymentSurplus,
  Refund,
  RefundCause,
  RefundId,
  RefundState,
  RefundTold,
  RefundTrouble,
} from "./domain/types.ts";
export type { Payments, PaymentTenantSettings } from "./operations/payments.ts";
export { createPayments, paymentTenantSettings } from "./operations/payments.ts";
export { savePayments } from "./store/save.ts";
export type { WantedPayments } from "./store/world.ts";
export { loadPayments } from "./store/world.ts";
export type { ChannelCapabilities, ClientInstruction, PaymentMethod } from "./plug.ts";
