// Payments: attempts to pay over channels, their refunds, and what channels tell about both. The
// plug is what a channel implements; the machines say which states things go through, by when they
// leave them, and how the platform finds out when nobody tells.
export { attemptMachine, paymentMachine, refundMachine } from "./domain/machines.ts";
export type {
  AccountIdentity,
  Attempt,
  AttemptId,
  AttemptState,
  ChannelAccountId,
  LogEntry,
  Payment,
  PaymentId,
  PaymentState,
  Refund,
  RefundCause,
  RefundId,
  RefundState,
} from "./domain/types.ts";
