/**
 * A year of orders as SQL, the way the platform would have written it. First a draft with one row
 * an order, in which everything is decided by its number; then each table is read off the draft.
 */
import { checkDigit } from "../../server/kernel/numbers.ts";
import { dayMs, hourMs, minuteMs, secondMs } from "../../server/kernel/time.ts";

export interface Year {
  readonly orders: number;
  readonly tenantId: string;
  /** The newest order is two hours older, so that nothing is left for the sweep. */
  readonly now: number;
  readonly skus: number;
  /** The account at a channel over which all is paid. */
  readonly channelAccountId: string;
}

/** What the platform does by default. */
const closeAfterMs = 30 * minuteMs;
const completeAfterMs = 7 * dayMs;
const refundAfterMs = dayMs;

const youngestMs = 2 * hourMs;
const yearMs = 365 * dayMs;
/** Half of all members have eight orders or more. */
const ordersOfMember = 8;
/** One member orders for a whole company. */
const ordersOfBuyerMax = 5_000;
export const buyer = "m-buyer";
/** One of so many orders was placed in one long sale. Its units lie with all others here. */
export const saleEvery = 16;
export const saleId = "01999999-9999-7999-8999-999999999999";

/** In thousandths of all orders; the rest is completed. */
const closedShare = 200;
const refundedShare = 50;

/** An id as the platform makes them, of a millisecond and 18 hexadecimal digits. */
function idSql(ms: string, tail: string): string {
  return `(lpad(to_hex(${ms}), 12, '0') || '7' || substr(${tail}, 1, 3) || '8' ||
           substr(${tail}, 4, 15))::uuid`;
}

/** `derivedId` of ids.ts. */
export function derivedIdSql(text: string): string {
  const hex = `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`;
  return `(select (substr(x, 1, 12) || '8' || substr(x, 14, 3)
     || translate(substr(x, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
     || substr(x, 18, 15))::uuid from (select ${hex} as x offset 0) as hashed)`;
}

/** Two digits of Damm's walk at once: from each state over each pair. */
const walk = Array.from({ length: 10 }, (_, state) => {
  const begin = Array.from({ length: 10 }, (__, digit) => String(digit)).find(
    (digit) => checkDigit(digit) === state,
  );
  return Array.from({ length: 100 }, (__, pair) =>
    checkDigit(`${begin}${String(pair).padStart(2, "0")}`)
      .toString(16)
      .padStart(2, "0"),
  ).join("");
}).join("");

/** The check digit of 23 digits. */
function checkDigitSql(digits: string): string {
  let state = "0";
  // A zero in front leaves the walk where it begins, and makes the pairs even.
  for (let at = 0; at < 12; at += 1) {
    const pair = at === 0 ? `substr(${digits}, 1, 1)` : `substr(${digits}, ${2 * at}, 2)`;
    state = `get_byte('\\x${walk}'::bytea, 100 * ${state} + ${pair}::integer)`;
  }
  return state;
}

/** 23 digits: day and millisecond of the day in Shanghai, and seven that look random. */
function digitsSql(ms: string): string {
  const local = `(${ms} + ${8 * hourMs})`;
  return `to_char(timestamp 'epoch' + (${local} / ${dayMs}) * interval '1 day', 'YYYYMMDD')
     || lpad((${local} % ${dayMs})::text, 8, '0') || lpad((h >> 8 & 8388607)::text, 7, '0')`;
}

function timeSql(ms: string): string {
  return `to_timestamp((${ms}) / 1000.0)`;
}

const draftTables = ["scale.draft_0", "scale.draft_1"] as const;

export const createDraft = `
  create table scale.skus (at integer primary key, id uuid not null, title text not null,
    price bigint not null, on_hand uuid not null, sold uuid not null);
  ${draftTables
    .map(
      (table) => `create unlogged table ${table} (
    i integer, id uuid, number text, member_id text, state text, cancelled boolean,
    one integer, n1 integer, two integer, n2 integer, total bigint,
    placed timestamptz, paying timestamptz, paid timestamptz, ended timestamptz, asked timestamptz,
    attempt uuid, captured uuid, refund uuid, refund_number text);`,
    )
    .join("\n")}
  create view scale.draft as ${draftTables.map((table) => `select * from ${table}`).join(" union all ")}`;

/** One half of the draft, so that two connections share the work. */
export function fillDraft(year: Year, half: 0 | 1): string {
  const { orders, now, skus } = year;
  const middle = Math.floor(orders / 2);
  const [from, to] = half === 0 ? [1, middle] : [middle + 1, orders];
  const members = Math.max(1, Math.floor(orders / ordersOfMember));
  const buyerEvery = Math.max(40, Math.floor(orders / ordersOfBuyerMax));
  const start = now - youngestMs - yearMs;
  const wave = 2 * Math.PI * 365;
  return `insert into ${draftTables[half]}
  with numbered as (
    -- Days are busier than nights: the density of orders swings by four fifths.
    select i, ${start} + floor(${yearMs} * (x + 0.8 * sin(${wave} * x) / ${wave}))::bigint as ms,
           hashint8extended(i, 7) as h, md5(i::text) as tail
    from (select i, i::float8 / ${orders} as x from generate_series(${from}, ${to}) as i) as spread
    offset 0
  ), drawn as (
    select i, ms, h, tail, ${idSql("ms", "tail")} as id, ${digitsSql("ms")} as digits,
      case when i % ${buyerEvery} = 0 then '${buyer}'
           else 'm-' || (h >> 12 & 1073741823) % ${members} end as member_id,
      case when (h >> 3 & 1048575) % 1000 < ${closedShare} then 'closed'
           when ms > ${now - 2 * refundAfterMs} then 'paid'
           when (h >> 3 & 1048575) % 1000 < ${closedShare + refundedShare} then 'refunded'
           when ms > ${now - completeAfterMs - hourMs} then 'paid' else 'completed' end as state,
      (h >> 3 & 1048575) % 1000 < ${closedShare * 0.4} as cancelled,
      -- The first is the hot one: of every eight orders one has it.
      case when h >> 20 & 7 = 0 then 1 else 1 + (h >> 24 & 16777215) % ${skus} end as one,
      1 + (h >> 44 & 3) / 3 as n1,
      case when ${skus} > 1 and h >> 50 & 3 = 0 then 1 end as n2,
      ms + 20 * ${secondMs} + (h >> 30 & 32767) as paying_ms,
      ms + ${minuteMs} + (h >> 34 & 262143) as paid_ms
    from numbered offset 0
  ), told as (
    select d.*, case when n2 is not null then 1 + one % ${skus} end as two,
      case when state <> 'closed' then ${idSql("paying_ms", "reverse(tail)")} end as attempt,
      case when state = 'refunded'
           then ${idSql(`paid_ms + ${refundAfterMs}`, "reverse(tail)")} end as refund,
      case when state = 'refunded' then ${digitsSql(`paid_ms + ${refundAfterMs}`)} end as back
    from drawn d offset 0
  )
  select i, t.id, 'T' || digits || ${checkDigitSql("digits")}, member_id, state,
    state = 'closed' and cancelled, one, n1, two, n2,
    n1 * a.price + coalesce(n2 * b.price, 0), ${timeSql("ms")},
    case when state <> 'closed' then ${timeSql("paying_ms")} end,
    case when state <> 'closed' then ${timeSql("paid_ms")} end,
    case state when 'closed' then ${timeSql(`ms + case when cancelled then ${5 * minuteMs} else ${closeAfterMs} end`)}
      when 'completed' then ${timeSql(`paid_ms + ${completeAfterMs}`)}
      when 'refunded' then ${timeSql(`paid_ms + ${refundAfterMs + 2 * minuteMs}`)} end,
    case when state = 'refunded' then ${timeSql(`paid_ms + ${refundAfterMs}`)} end,
    attempt, case when attempt is not null then ${derivedIdSql("'captured.' || attempt")} end,
    refund, 'R' || back || ${checkDigitSql("back")}
  from told t
  join scale.skus a on a.at = one
  left join scale.skus b on b.at = two`;
}

export const interval = {
  close: `interval '${closeAfterMs} ms'`,
  complete: `interval '${completeAfterMs} ms'`,
} as const;
