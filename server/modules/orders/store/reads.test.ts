/** Lists among so many orders that no page may read them all, many of them new to statistics. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Statement, Value } from "../../../kernel/database.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { rawConnection } from "../../../kernel/testing/connections.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { explain } from "../../../kernel/testing/plans.ts";
import { createManualClock, dayMs } from "../../../kernel/time.ts";
import type { OrderState } from "../domain/machine.ts";
import { orderStates } from "../domain/machine.ts";
import type { OrderId } from "../domain/types.ts";
import { readBuyers } from "./buyers.ts";
import type { OrderFilter } from "./reads.ts";
import { readOrders } from "./reads.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 9, 1));
const database = createDatabase({ url, clock });
const ids = createIds({ clock });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await database.close();
});

const tenantId = ids.next<"Tenant">();
const counted = ids.next<"Sale">();
const fresh = ids.next<"Sale">();
const countedOrders = 6_000;
const freshOrders = 4_000;
const members = 1_000;
/** Has every other order of those that are counted, in pairs, and more than a page may read. */
const company = "m-company";

interface Kept {
  readonly id: OrderId;
  readonly memberId: string;
  readonly saleId: typeof fresh | undefined;
  readonly state: OrderState;
}

const kept: Kept[] = [];

/** Every other one is of the sale. */
async function insertOrders(
  count: number,
  made: {
    saleId: typeof fresh;
    stateOf: (at: number) => OrderState;
    memberOf?: (at: number) => string | undefined;
  },
): Promise<void> {
  const orders = Array.from({ length: count }, (_, at) => ({
    id: ids.next<"Order">(),
    memberId: made.memberOf?.(at) ?? `m-${Math.floor(at / 2) % members}`,
    saleId: at % 2 === 0 ? made.saleId : undefined,
    state: made.stateOf(at),
  }));
  kept.push(...orders);
  const at = new Date(clock.now());
  await raw.query(
    `insert into orders.orders
       (tenant_id, id, number, member_id, sale_id, state, lines, total, currency, placed_by,
        placed_at, close_due_at, changed_at, paid_at, complete_due_at)
     select $1, o.id, o.id::text, o.member_id, o.sale_id, o.state,
       json_build_array(json_build_object('sku', o.id, 'title', 'Mug', 'n', 1, 'price', 100)), 100,
       'CNY', 'test', $2, $2, $2, $2, $2
     from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[])
       as o (id, member_id, sale_id, state)`,
    [
      tenantId,
      at,
      orders.map(({ id }) => id),
      orders.map(({ memberId }) => memberId),
      orders.map(({ saleId }) => saleId ?? null),
      orders.map(({ state }) => state),
    ],
  );
}

beforeAll(async () => {
  await raw.query("alter table orders.orders set (autovacuum_enabled = off)");
  const ended = ["completed", "completed", "completed", "closed"] as const;
  await insertOrders(countedOrders, {
    saleId: counted,
    stateOf: (at) => (at % 500 === 0 ? "refunded" : (ended[at % 4] ?? "completed")),
    memberOf: (at) => (at % 4 < 2 ? company : undefined),
  });
  await raw.query("vacuum (analyze) orders.orders");
  clock.advance(dayMs);
  await insertOrders(freshOrders, {
    saleId: fresh,
    stateOf: (at) => (at < 200 ? "paid" : at % 5 === 0 ? "paying" : "pending_payment"),
  });
  kept.reverse();
});

/** Passes on what is asked, and keeps it to be explained. */
function listener() {
  const asked: { statement: Statement; values: readonly Value[] }[] = [];
  const listening: typeof database = {
    ...database,
    read(ofTenant, statement, values) {
      asked.push({ statement, values });
      return database.read(ofTenant, statement, values);
    },
  };
  return { asked, database: listening };
}

function literal(value: Value): string {
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? `'{${value.join(",")}}'` : `'${String(value)}'`;
}

/** Planned for its values, and planned for any. */
async function blocksOf(asked: { statement: Statement; values: readonly Value[] }) {
  const { statement, values } = asked;
  const own = await explain(database.poolFor(tenantId), statement.text, values);
  await raw.query("set plan_cache_mode = force_generic_plan");
  await raw.query(`prepare probe as ${statement.text}`);
  const general = await explain(raw, `execute probe(${values.map(literal).join(", ")})`);
  await raw.query("deallocate probe");
  return Math.max(own.blocks, general.blocks);
}

const everything: OrderFilter = {
  memberId: undefined,
  saleId: undefined,
  state: undefined,
  before: undefined,
  limit: 20,
};

/** The end of each state's stretch of an index, and a block for each row at worst. */
const blocksMax = 7 * 3 + 2 * everything.limit;

const filters = [undefined, counted, fresh].flatMap((saleId) =>
  [undefined, "m-7"].flatMap((memberId) =>
    [undefined, ...orderStates].map((state) => ({ saleId, memberId, state })),
  ),
);
const saleNames = new Map([
  [counted, "of a sale that is counted"],
  [fresh, "of a sale of this minute"],
]);
const nameOf = ({ saleId, memberId, state }: (typeof filters)[number]) =>
  [state ?? "all", memberId ?? "", saleId === undefined ? "" : saleNames.get(saleId)]
    .filter((word) => word !== "")
    .join(", ");

type Wanted = Pick<OrderFilter, "memberId" | "saleId" | "state">;

function listOf(wanted: Wanted): Kept[] {
  return kept.filter(
    ({ memberId, saleId, state }) =>
      memberId === (wanted.memberId ?? memberId) &&
      saleId === (wanted.saleId ?? saleId) &&
      state === (wanted.state ?? state),
  );
}

/** A page, what it must be, and the most blocks that its statements read. */
async function askPage(wanted: Wanted, before: OrderId | undefined) {
  const { asked, database: listening } = listener();
  const page = await readOrders(listening, tenantId, { ...everything, ...wanted, before });
  const older = listOf(wanted).filter(({ id }) => before === undefined || id < before);
  const blocks: number[] = [];
  for (const each of asked) blocks.push(await blocksOf(each));
  return {
    ids: page.map(({ id }) => id),
    expected: older.slice(0, 20).map(({ id }) => id),
    blocks,
  };
}

describe("a page of orders is the newest of its list, and reads little more", () => {
  test.each(filters.map((filter) => [nameOf(filter), filter] as const))("%s", async (_, filter) => {
    // From the newest on, from before this minute, and from behind the oldest of the counted.
    for (const before of [undefined, kept[freshOrders + 50]?.id, kept.at(-1)?.id]) {
      const { ids: shown, expected, blocks } = await askPage(filter, before);
      expect(shown).toEqual(expected);
      expect(blocks).toEqual([expect.toSatisfy((read: number) => read < blocksMax)]);
    }
  });
});

const ofCompany = [
  { saleId: undefined, memberId: company, state: "completed" },
  { saleId: counted, memberId: company, state: undefined },
  { saleId: counted, memberId: company, state: "completed" },
] as const;

describe("of a member with very many orders no more are read than fill the page", () => {
  test.each(ofCompany.map((filter) => [nameOf(filter), filter] as const))(
    "%s",
    async (_, filter) => {
      const { ids: shown, expected, blocks } = await askPage(filter, undefined);
      expect(shown).toEqual(expected);
      expect(blocks).toEqual([expect.toSatisfy((read: number) => read < blocksMax)]);
    },
  );
});

test.each([counted, fresh])(
  "buyers are read page by page, oldest first, sale %#",
  async (saleId) => {
    const of = kept.filter((order) => order.saleId === saleId).toReversed();
    const limit = 300;
    const read: { orderId: OrderId; memberId: string }[] = [];
    const { asked, database: listening } = listener();
    for (let after: OrderId | undefined; ; after = read.at(-1)?.orderId) {
      const page = await readBuyers(listening, tenantId, { saleId, after, limit });
      read.push(...page);
      if (page.length < limit) break;
    }
    expect(read.map(({ orderId, memberId }) => [orderId, memberId])).toEqual(
      of.map(({ id, memberId }) => [id, memberId]),
    );
    for (const each of asked) expect(await blocksOf(each)).toBeLessThan(7 * 3 + 2 * limit);
  },
);
