import { afterAll, beforeEach, expect, test } from "vitest";
import { createDatabase } from "./database.ts";
import { newestEvent, readEventsSince } from "./events-since.ts";
import { createIds } from "./ids.ts";
import { testDatabase } from "./testing/database.ts";
import { systemClock } from "./time.ts";

const { url } = await testDatabase();
const database = createDatabase({ url, clock: systemClock });
const ids = createIds({ clock: systemClock });
afterAll(() => database.close());

let tenantId: string;
beforeEach(() => {
  tenantId = ids.next();
});

const wanted = { type: "order_placed", field: "saleId", values: ["s-1", "s-2"] };

async function emit(...events: [type: string, data: object][]): Promise<void> {
  await database.transaction(tenantId, async (tx) => {
    tx.emit(events.map(([type, data]) => ({ type, data })));
  });
}

test("gives what was asked for among the newer events, and how far it has read", async () => {
  await emit(["order_placed", { saleId: "s-1", memberId: "early" }]);
  const after = await newestEvent(database, tenantId);
  expect(after).toBe(1n);
  await emit(
    ["order_placed", { saleId: "s-1", memberId: "anna" }],
    ["order_placed", { saleId: "s-3", memberId: "other sale" }],
    ["order_placed", { memberId: "no sale" }],
    ["order_closed", { saleId: "s-1", memberId: "other type" }],
    ["order_placed", { saleId: "s-2", memberId: "bert" }],
  );
  const read = await readEventsSince(database, tenantId, { ...wanted, after });
  expect(read).toEqual({
    seq: 6n,
    isAll: true,
    data: [
      { saleId: "s-1", memberId: "anna" },
      { saleId: "s-2", memberId: "bert" },
    ],
  });
  const again = await readEventsSince(database, tenantId, { ...wanted, after: read.seq });
  expect(again).toEqual({ seq: 6n, isAll: true, data: [] });
});

test("reads a bounded stretch and says when there is more", async () => {
  const placed = (memberId: string) => ["order_placed", { saleId: "s-1", memberId }] as const;
  await emit([...placed("a")], [...placed("b")], [...placed("c")]);
  const first = await readEventsSince(database, tenantId, { ...wanted, after: 0n }, 2);
  expect(first).toMatchObject({ seq: 2n, isAll: false });
  expect(first.data).toHaveLength(2);
  const rest = await readEventsSince(database, tenantId, { ...wanted, after: 2n }, 2);
  expect(rest).toMatchObject({ seq: 3n, isAll: true, data: [{ memberId: "c" }] });
});

test("a tenant without events has none, and another tenant's are not its own", async () => {
  await emit(["order_placed", { saleId: "s-1", memberId: "anna" }]);
  const stranger = ids.next<"Tenant">();
  expect(await newestEvent(database, stranger)).toBe(0n);
  const read = await readEventsSince(database, stranger, { ...wanted, after: 0n });
  expect(read).toEqual({ seq: 0n, isAll: true, data: [] });
});
