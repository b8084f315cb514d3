import type { Database } from "../../../kernel/database.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type { NoticeId, NoticeLine, StoredNotice } from "../domain/notices.ts";
import type {
  AttemptId,
  LogEntryId,
  Payment,
  PaymentId,
  Refund,
  RefundId,
} from "../domain/types.ts";
import type { KeptLogEntry } from "../domain/views.ts";
import type {
  NoticesWanted,
  PaymentsWanted,
  PaymentWithAttempts,
  RefundsWanted,
} from "../store/reads.ts";
import {
  isAttempt,
  selectLogPage,
  selectNoticeById,
  selectNoticePage,
  selectPaymentById,
  selectPaymentPage,
  selectRefundById,
  selectRefundPage,
} from "../store/reads.ts";

interface LogWanted {
  readonly after: LogEntryId | undefined;
  readonly limit: number;
}

export type PaymentReads = ReturnType<typeof createPaymentReads>;

/** Reading for staff and programs. Payments knows no members: those read their orders. */
export function createPaymentReads({ database }: { readonly database: Database }) {
  return {
    listPayments: (tenantId: string, wanted: PaymentsWanted): Promise<Payment[]> =>
      selectPaymentPage(database, tenantId, wanted),

    async readPayment(tenantId: string, id: PaymentId): Promise<PaymentWithAttempts | Refusal> {
      return (await selectPaymentById(database, tenantId, id)) ?? noPayment;
    },

    listRefunds: (tenantId: string, wanted: RefundsWanted): Promise<Refund[]> =>
      selectRefundPage(database, tenantId, wanted),

    async readRefund(tenantId: string, id: RefundId): Promise<Refund | Refusal> {
      return (await selectRefundById(database, tenantId, id)) ?? noRefund;
    },

    /** What was asked of channels about a payment, and what they told, in order [PAY-23]. */
    async readTradeLog(
      tenantId: string,
      wanted: LogWanted & { readonly paymentId: PaymentId },
    ): Promise<KeptLogEntry[] | Refusal> {
      const found = await selectPaymentById(database, tenantId, wanted.paymentId);
      if (found === undefined) return noPayment;
      const attempts = found.attempts.map(({ id }) => id);
      return selectLogPage(database, tenantId, { ...wanted, attempts });
    },

    /** The same of one attempt. */
    async readAttemptLog(
      tenantId: string,
      wanted: LogWanted & { readonly attemptId: AttemptId },
    ): Promise<KeptLogEntry[] | Refusal> {
      const { attemptId } = wanted;
      if (!(await isAttempt(database, tenantId, attemptId))) return noAttempt;
      return selectLogPage(database, tenantId, { ...wanted, attempts: [attemptId] });
    },

    listNotices: (tenantId: string, wanted: NoticesWanted): Promise<NoticeLine[]> =>
      selectNoticePage(database, tenantId, wanted),

    async readNotice(tenantId: string, id: NoticeId): Promise<StoredNotice | Refusal> {
      return (await selectNoticeById(database, tenantId, id)) ?? noNotice;
    },
  };
}

const noPayment = refuse("not_found", { what: "payment" });
const noAttempt = refuse("not_found", { what: "attempt" });
const noRefund = refuse("not_found", { what: "refund" });
const noNotice = refuse("not_found", { what: "notice" });
