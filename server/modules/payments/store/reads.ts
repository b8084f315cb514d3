import type { Database } from "../../../kernel/database.ts";
import { statement } from "../../../kernel/database.ts";
import type { NoticeId, NoticeLine, StoredNotice } from "../domain/notices.ts";
import type {
  Attempt,
  AttemptId,
  LogEntryId,
  LogWhat,
  Payment,
  PaymentId,
  PaymentState,
  Refund,
  RefundId,
  RefundState,
} from "../domain/types.ts";
import type { KeptLogEntry } from "../domain/views.ts";
import type { NoticeLineRow, NoticeRow } from "./notices.ts";
import { noticeLineOf, noticeOf } from "./notices.ts";
import type { AttemptRow, PaymentRow, RefundRow } from "./rows.ts";
import { attemptOf, paymentOf, refundOf } from "./rows.ts";

const selectPayments = statement(
  "payments.list_payments",
  `select id, reference, description, amount, currency, state, paid_attempt_id, paid_at, created_at
   from payments.payments
   where tenant_id = $1 and id < $2 and ($3::uuid is null or reference = $3)
     and ($4::text is null or state = $4)
   order by id desc limit $5`,
);

const selectPayment = statement(
  "payments.read_payment",
  `select id, reference, description, amount, currency, state, paid_attempt_id, paid_at, created_at
   from payments.payments where tenant_id = $1 and id = $2`,
);

const selectAttempts = statement(
  "payments.attempts_of_payment",
  `select id, payment_id, number, account_id, channel, method, amount, currency, state, payer_id,
          payer_ip, return_url, instruction, usable_until, expires_at, channel_trade_number,
          paid_at, surplus, failure, next_action_at, asked, created_at
   from payments.attempts where tenant_id = $1 and payment_id = $2
   order by id`,
);

const selectRefunds = statement(
  "payments.list_refunds",
  `select id, number, attempt_id, reference, cause, amount, currency, reason, state,
          channel_refund_number, refunded_at, failure, next_action_at, asked, requested_by,
          created_at
   from payments.refunds
   where tenant_id = $1 and id < $2 and ($3::uuid is null or reference = $3)
     and ($4::text is null or state = $4)
   order by id desc limit $5`,
);

const selectRefund = statement(
  "payments.read_refund",
  `select id, number, attempt_id, reference, cause, amount, currency, reason, state,
          channel_refund_number, refunded_at, failure, next_action_at, asked, requested_by,
          created_at
   from payments.refunds where tenant_id = $1 and id = $2`,
);

const selectLog = statement(
  "payments.list_trade_log",
  `select id, attempt_id, refund_id, at, what, outcome, detail
   from payments.trade_log
   where tenant_id = $1 and attempt_id = any($2::uuid[]) and id > $3
   order by id limit $4`,
);

const selectAttemptExists = statement(
  "payments.attempt_exists",
  `select id from payments.attempts where tenant_id = $1 and id = $2`,
);

const selectNotices = statement(
  "payments.list_notices",
  `select id, account_id, channel_notice_id, received_at, verdict, attempt_number, refund_number,
          deliveries
   from payments.notices
   where tenant_id = $1 and id < $2 and ($3::uuid is null or account_id = $3)
     and ($4::text is null or attempt_number = $4)
   order by id desc limit $5`,
);

const selectNotice = statement(
  "payments.read_notice",
  `select id, account_id, channel_notice_id, received_at, headers, body, verdict, attempt_number,
          refund_number, deliveries
   from payments.notices where tenant_id = $1 and id = $2`,
);

/** Behind and before every id that there is: where lists from either end begin. */
const behindAllIds = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const beforeAllIds = "00000000-0000-0000-0000-000000000000";

export interface PaymentsWanted {
  readonly reference: string | undefined;
  readonly state: PaymentState | undefined;
  readonly before: PaymentId | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function selectPaymentPage(
  database: Database,
  tenantId: string,
  wanted: PaymentsWanted,
): Promise<Payment[]> {
  const { reference = null, state = null, before = behindAllIds, limit } = wanted;
  const values = [tenantId, before, reference, state, limit];
  return (await database.read<PaymentRow>(tenantId, selectPayments, values)).map(paymentOf);
}

export interface PaymentWithAttempts {
  readonly payment: Payment;
  /** In the order in which they were opened. */
  readonly attempts: readonly Attempt[];
}

export async function selectPaymentById(
  database: Database,
  tenantId: string,
  id: PaymentId,
): Promise<PaymentWithAttempts | undefined> {
  const values = [tenantId, id];
  const [row] = await database.read<PaymentRow>(tenantId, selectPayment, values);
  if (row === undefined) return undefined;
  const attempts = await database.read<AttemptRow>(tenantId, selectAttempts, values);
  return { payment: paymentOf(row), attempts: attempts.map(attemptOf) };
}

export interface RefundsWanted {
  readonly reference: string | undefined;
  readonly state: RefundState | undefined;
  readonly before: RefundId | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function selectRefundPage(
  database: Database,
  tenantId: string,
  wanted: RefundsWanted,
): Promise<Refund[]> {
  const { reference = null, state = null, before = behindAllIds, limit } = wanted;
  const values = [tenantId, before, reference, state, limit];
  return (await database.read<RefundRow>(tenantId, selectRefunds, values)).map(refundOf);
}

export async function selectRefundById(
  database: Database,
  tenantId: string,
  id: RefundId,
): Promise<Refund | undefined> {
  const [row] = await database.read<RefundRow>(tenantId, selectRefund, [tenantId, id]);
  return row === undefined ? undefined : refundOf(row);
}

interface LogRow {
  id: LogEntryId;
  attempt_id: AttemptId;
  refund_id: RefundId | null;
  at: number;
  what: LogWhat;
  outcome: string;
  detail: string | null;
}

/** In the order in which it happened. */
export async function selectLogPage(
  database: Database,
  tenantId: string,
  wanted: {
    readonly attempts: readonly AttemptId[];
    readonly after: LogEntryId | undefined;
    readonly limit: number;
  },
): Promise<KeptLogEntry[]> {
  const { attempts, after = beforeAllIds, limit } = wanted;
  const rows = await database.read<LogRow>(tenantId, selectLog, [tenantId, attempts, after, limit]);
  return rows.map(({ id, attempt_id, refund_id, at, what, outcome, detail }) => ({
    id,
    attemptId: attempt_id,
    ...(refund_id === null ? {} : { refundId: refund_id }),
    at,
    what,
    outcome,
    ...(detail === null ? {} : { detail }),
  }));
}

export async function isAttempt(
  database: Database,
  tenantId: string,
  id: AttemptId,
): Promise<boolean> {
  return (await database.read(tenantId, selectAttemptExists, [tenantId, id])).length > 0;
}

export interface NoticesWanted {
  readonly accountId: string | undefined;
  readonly attemptNumber: string | undefined;
  readonly before: NoticeId | undefined;
  readonly limit: number;
}

/** Newest first. */
export async function selectNoticePage(
  database: Database,
  tenantId: string,
  wanted: NoticesWanted,
): Promise<NoticeLine[]> {
  const { accountId = null, attemptNumber = null, before = behindAllIds, limit } = wanted;
  const values = [tenantId, before, accountId, attemptNumber, limit];
  const rows = await database.read<NoticeLineRow>(tenantId, selectNotices, values);
  return rows.map(noticeLineOf);
}

export async function selectNoticeById(
  database: Database,
  tenantId: string,
  id: NoticeId,
): Promise<StoredNotice | undefined> {
  const [row] = await database.read<NoticeRow>(tenantId, selectNotice, [tenantId, id]);
  return row === undefined ? undefined : noticeOf(row);
}
