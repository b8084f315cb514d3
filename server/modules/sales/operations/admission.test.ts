import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { required } from "../../../kernel/assert.ts";
import { createCommitters } from "../../../kernel/batch.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import { createSecrets } from "../../../kernel/secrets.ts";
import { rawConnection } from "../../../kernel/testing/connections.ts";
import { countStatements } from "../../../kernel/testing/counted-database.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs } from "../../../kernel/time.ts";
import { createLedger, loadLedger, move, openAccount, saveLedger } from "../../ledger/index.ts";
import { saleAccountSpec } from "../domain/allotments.ts";
import type { SaleId } from "../domain/types.ts";
import { createRoomMemory } from "./room-memory.ts";
import { createSales } from "./sales.ts";
import { createWaitingRooms } from "./waiting-rooms.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11));
const ids = createIds({ clock });
const { database, taken } = countStatements(createDatabase({ url, clock }));
const committers = createCommitters({ database });
const ledger = createLedger({ database, clock });
const sales = createSales({ database, committers, ids, clock, ledger });
const raw = await rawConnection(url);
afterAll(async () => {
  await raw.end();
  await committers.stop();
  await database.close();
});
beforeEach(() => {
  // Sales of earlier tests are long over.
  clock.advance(24 * hourMs);
});

const roundMs = 250;
const skusOfSale = 3;

/** What one process has in its memory. */
function startProcess() {
  const admitted: number[] = [];
  const rooms = createWaitingRooms({
    database,
    committers,
    ids,
    clock,
    sales,
    secrets: createSecrets([Buffer.alloc(32, 5)]),
    ledger,
    queueMax: 4_096,
    observe: { waiting: () => undefined, admitted: (members) => admitted.push(members) },
  });
  return { ...rooms, admitted: () => admitted.reduce((sum, each) => sum + each, 0) };
}

/** Sales that are open, with so many members waiting for each. */
async function openSales(tenantId: string, count: number, waiting: number): Promise<SaleId[]> {
  const made = Array.from({ length: count }, () => ids.next<"Sale">());
  await raw.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, waiting_room, made_by, created_at,
        changed_at, scheduled_at)
     select $1, s, 'Anniversary', 'open', $3, $4, true, 'anna', $3, $3, $3
     from unnest($2::uuid[]) as s`,
    [tenantId, made, new Date(clock.now()), new Date(clock.now() + hourMs)],
  );
  await raw.query(
    `insert into sales.waiting_rooms (tenant_id, sale_id, places, lot_size, admitted_through)
     select $1, s, $3, 0, 0 from unnest($2::uuid[]) as s`,
    [tenantId, made, waiting],
  );
  return made;
}

/** Sets units of a few SKUs aside. */
async function fill(tenantId: string, saleId: SaleId): Promise<void> {
  await database.transaction(tenantId, async (tx) => {
    const world = await loadLedger(tx, { accounts: [] });
    const legs = Array.from({ length: skusOfSale }, () => {
      const skuId = ids.next<"Sku">();
      const asset = `stock:${skuId}`;
      const source = { code: `delivery.${skuId}`, asset, guarded: false, indexed: false };
      const credit = openAccount(world, saleAccountSpec(saleId, skuId));
      return { debit: openAccount(world, source), credit, amount: 5n };
    });
    move(world, { id: ids.next(), legs, reference: saleId, reason: "delivery" });
    saveLedger(tx, world);
  });
}

function counted(names: readonly string[]): Record<string, number> {
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([k, v]) => [k, v.length]));
}

test("all rooms of a tenant are read and admitted from together, their units once a second", async () => {
  const [small, large] = [ids.next<"Tenant">(), ids.next<"Tenant">()];
  const sales = [
    { tenantId: small, saleIds: await openSales(small, 1, 2_000) },
    { tenantId: large, saleIds: await openSales(large, 4, 2_000) },
  ];
  for (const { tenantId, saleIds } of sales)
    for (const saleId of saleIds) await fill(tenantId, saleId);
  const process = startProcess();
  await process.admitMembers();
  clock.advance(1_000);
  taken();
  const before = process.admitted();
  for (let round = 0; round < 4; round += 1) {
    await process.admitMembers();
    clock.advance(roundMs);
  }
  expect(process.admitted() - before).toBeGreaterThan(500);
  expect(counted(taken())).toMatchObject({
    "sales.waiting_rooms_as_seen": 8,
    "ledger.prefixes_with_available": 2,
    "sales.sales_with_waiting_rooms": 2,
    "sales.update_waiting_rooms": 8,
    begin: 8,
  });
});

test("nobody is let in to a sale that has no unit left, others go on", async () => {
  const tenantId = ids.next<"Tenant">();
  const [soldOut, open] = await openSales(tenantId, 2, 100);
  await fill(tenantId, required(open, "a sale"));
  const process = startProcess();
  await process.admitMembers();
  const { rows } = await raw.query(
    "select sale_id, admitted_through from sales.waiting_rooms where tenant_id = $1 order by 1",
    [tenantId],
  );
  expect(rows).toEqual([
    { sale_id: soldOut, admitted_through: 0 },
    { sale_id: open, admitted_through: 100 },
  ]);
});

test("who waits is let in however many other sales have been open for longer", async () => {
  const tenantId = ids.next<"Tenant">();
  const earlier = await openSales(tenantId, 60, 0);
  clock.advance(1_000);
  const [busy] = await openSales(tenantId, 1, 3);
  const saleId = required(busy, "a sale");
  for (const each of [...earlier, saleId]) await fill(tenantId, each);
  const process = startProcess();
  await process.admitMembers();
  expect(process.admitted()).toBe(3);
});

test("more rooms than are looked after at once take turns, and each turn comes again", async () => {
  const tenantId = ids.next<"Tenant">();
  const all = (await openSales(tenantId, 120, 3)).toSorted();
  const room = (at: number) => required(all[at], "a sale");
  for (const at of [0, 60, 119]) await fill(tenantId, room(at));
  const process = startProcess();
  const admittedAfterTurns = async (turns: number) => {
    const admitted: number[] = [];
    for (let turn = 1; turn <= turns; turn += 1) {
      await process.admitMembers();
      admitted.push(process.admitted());
      clock.advance(1_000);
    }
    return admitted;
  };
  // Fifty a turn: all others are sold out, and somebody waits in each.
  expect(await admittedAfterTurns(3)).toEqual([3, 6, 9]);
  for (const at of [1, 118]) await fill(tenantId, room(at));
  expect((await admittedAfterTurns(3)).at(-1)).toBe(15);
});

describe("the memory of rooms", () => {
  const tenantId = ids.next<"Tenant">();
  /** More than are remembered of those that nobody looks after. */
  const roomsOpen = 600;

  test("holds all that are looked after, whatever else is asked for", async () => {
    const memory = createRoomMemory({ database, clock, ledger });
    const own = await openSales(tenantId, roomsOpen, 1);
    const others = await openSales(tenantId, roomsOpen, 1);
    memory.lookAfter([{ tenantId, saleIds: own }]);
    await memory.refresh(tenantId, own);
    for (const saleId of others) await memory.read(tenantId, saleId);
    expect(own.filter((saleId) => memory.known(tenantId, saleId) === undefined)).toEqual([]);
    const stillKnown = others.filter((saleId) => memory.known(tenantId, saleId) !== undefined);
    expect(stillKnown).toEqual(others.slice(-500));
  });

  test("lets go of those that are looked after no longer, and takes over what it knew", async () => {
    const memory = createRoomMemory({ database, clock, ledger });
    const [before, after] = await openSales(tenantId, 2, 1);
    const [first, second] = [required(before, "a sale"), required(after, "another")];
    memory.lookAfter([{ tenantId, saleIds: [first] }]);
    await memory.refresh(tenantId, [first, second]);
    memory.lookAfter([{ tenantId, saleIds: [second] }]);
    taken();
    expect(await memory.read(tenantId, first)).toMatchObject({ saleId: first, places: 1 });
    expect(await memory.read(tenantId, second)).toMatchObject({ saleId: second, places: 1 });
    expect(taken()).toEqual([]);
    for (const saleId of await openSales(tenantId, 500, 1)) await memory.read(tenantId, saleId);
    expect(memory.known(tenantId, first)).toBeUndefined();
    expect(memory.known(tenantId, second)).toBeDefined();
  });

  test("loses no admission of a room that others push out while it is read", async () => {
    const [room, ...others] = await openSales(tenantId, 501, 2);
    const saleId = required(room, "a sale");
    await raw.query(
      `insert into sales.admissions (tenant_id, sale_id, from_place, through_place, admitted_at)
       values ($1, $2, 0, 1, $3), ($1, $2, 1, 2, $3)`,
      [tenantId, saleId, new Date(clock.now())],
    );
    const gate = Promise.withResolvers<void>();
    let isSlow = false;
    const slowly = async <Row>(...asked: Parameters<typeof database.read>): Promise<Row[]> => {
      if (isSlow) await gate.promise;
      return database.read<Row>(...asked);
    };
    const memory = createRoomMemory({ database: { ...database, read: slowly }, clock, ledger });
    await memory.read(tenantId, saleId);
    clock.advance(500);
    isSlow = true;
    const reading = memory.read(tenantId, saleId);
    isSlow = false;
    for (const other of others) await memory.read(tenantId, other);
    expect(memory.known(tenantId, saleId)).toBeUndefined();
    gate.resolve();
    await reading;
    const admissions = memory.known(tenantId, saleId)?.admissions;
    expect(admissions).toMatchObject([{ from: 0 }, { from: 1 }]);
  });
});
