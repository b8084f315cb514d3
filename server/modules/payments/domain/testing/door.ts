/**
 * The door of payments for tests of higher modules: what channels tell is decided here in memory,
 * with no channel to tell it. The platform itself never decides it outside of payments.
 */
export { accountsOfAttempts, capturedAccount } from "../ledger-accounts.ts";
export { decideRecordClosed, decideRecordPrepared, decideStartClosing } from "../attempts.ts";
export { decideRecordRefund } from "../refunds.ts";
export type { RecordTrade, TradeOutcome } from "../trades.ts";
export { decideRecordTrade, decideRefundSurplus } from "../trades.ts";
export type { AccountIdentity, LogWhat } from "../types.ts";
export type { ChannelAnswer, ChannelRefund, ChannelTrade, RefusedReason } from "../../plug.ts";
