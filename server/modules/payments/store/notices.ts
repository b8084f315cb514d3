import type { Tx } from "../../../kernel/database.ts";
import { statement, timestamps } from "../../../kernel/database.ts";
import type { NoticeId, NoticeLine, NoticesWorld, StoredNotice } from "../domain/notices.ts";
import { noticeKeyOf } from "../domain/notices.ts";
import type { ChannelAccountId } from "../domain/types.ts";

/** Without the bytes, for lists. */
export interface NoticeLineRow {
  id: NoticeId;
  account_id: ChannelAccountId;
  channel_notice_id: string | null;
  received_at: number;
  verdict: string;
  attempt_number: string | null;
  refund_number: string | null;
  deliveries: number;
}

export interface NoticeRow extends NoticeLineRow {
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

export const noticeLineColumns = `id, account_id, channel_notice_id, received_at, verdict,
          attempt_number, refund_number, deliveries`;
export const noticeColumns = `${noticeLineColumns}, headers, body`;

// All ids with all accounts: a few rows too many at most, and one index range an id.
const lockNotices = statement(
  "payments.lock_notices",
  `select ${noticeColumns}
   from payments.notices
   where tenant_id = $1 and account_id = any($2::uuid[]) and channel_notice_id = any($3::text[])
   order by id for no key update`,
);

const insertNotices = statement(
  "payments.insert_notices",
  `insert into payments.notices
     (tenant_id, id, account_id, channel_notice_id, received_at, headers, body, verdict,
      attempt_number, refund_number, deliveries)
   select $1, n.id, n.account_id, n.channel_notice_id, n.received_at, n.headers::json,
          decode(n.body, 'base64'), n.verdict, n.attempt_number, n.refund_number, n.deliveries
   from unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::text[], $7::text[],
               $8::text[], $9::text[], $10::text[], $11::integer[])
     as n (id, account_id, channel_notice_id, received_at, headers, body, verdict,
           attempt_number, refund_number, deliveries)`,
);

const updateNotices = statement(
  "payments.update_notices",
  `update payments.notices n
   set deliveries = r.deliveries
   from unnest($2::uuid[], $3::integer[]) as r (id, deliveries)
   where n.tenant_id = $1 and n.id = r.id`,
);

/**
 * The notices that came before. Sent behind the locks of the payments: of two processes that have
 * the same notice the later one finds it here. About an unknown number nothing is locked; there the
 * unique key is the judge.
 */
export async function loadNotices(
  tx: Tx,
  wanted: readonly { readonly accountId: ChannelAccountId; readonly channelNoticeId: string }[],
): Promise<Map<string, StoredNotice>> {
  if (wanted.length === 0) return new Map();
  const rows = await tx.rows<NoticeRow>(lockNotices, [
    tx.tenantId,
    [...new Set(wanted.map(({ accountId }) => accountId))],
    [...new Set(wanted.map(({ channelNoticeId }) => channelNoticeId))],
  ]);
  const notices = rows.map(noticeOf);
  return new Map(
    notices.map((notice) => [noticeKeyOf(notice.accountId, notice.channelNoticeId ?? ""), notice]),
  );
}

export function saveNotices(tx: Tx, { fresh, repeated, events }: NoticesWorld["written"]): void {
  if (fresh.size > 0) {
    const notices = [...fresh];
    tx.write(insertNotices, [
      tx.tenantId,
      notices.map(({ id }) => id),
      notices.map(({ accountId }) => accountId),
      notices.map(({ channelNoticeId }) => channelNoticeId ?? null),
      timestamps(notices.map(({ receivedAt }) => receivedAt)),
      notices.map(({ headers }) => JSON.stringify(headers)),
      notices.map(({ body }) => body.toString("base64")),
      notices.map(({ verdict }) => verdict),
      notices.map(({ attemptNumber }) => attemptNumber ?? null),
      notices.map(({ refundNumber }) => refundNumber ?? null),
      notices.map(({ deliveries }) => deliveries),
    ]);
  }
  if (repeated.size > 0) {
    const notices = [...repeated];
    tx.write(updateNotices, [
      tx.tenantId,
      notices.map(({ id }) => id),
      notices.map(({ deliveries }) => deliveries),
    ]);
  }
  tx.emit(events);
}

export function noticeOf(row: NoticeRow): StoredNotice {
  const { headers, body } = row;
  return { ...noticeLineOf(row), headers, body };
}

export function noticeLineOf(row: NoticeLineRow): NoticeLine {
  return {
    id: row.id,
    accountId: row.account_id,
    channelNoticeId: row.channel_notice_id ?? undefined,
    receivedAt: row.received_at,
    verdict: row.verdict,
    attemptNumber: row.attempt_number ?? undefined,
    refundNumber: row.refund_number ?? undefined,
    deliveries: row.deliveries,
  };
}
