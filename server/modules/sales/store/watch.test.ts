import { afterAll, expect, test } from "vitest";
import { createIds } from "../../../kernel/ids.ts";
import { rawConnection } from "../../../kernel/testing/connections.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock, hourMs, minuteMs } from "../../../kernel/time.ts";
import { oldestSales } from "./watch.ts";

const { url } = await testDatabase();
const clock = createManualClock(Date.UTC(2026, 10, 11, 2));
const ids = createIds({ clock });
const raw = await rawConnection(url);
afterAll(() => raw.end());

async function insertSale(
  state: "draft" | "scheduled" | "open",
  { opensAt, scheduledAt }: { readonly opensAt: number; readonly scheduledAt: number | undefined },
): Promise<void> {
  const closesAt = opensAt + hourMs;
  const times = [opensAt, closesAt, scheduledAt, clock.now()].map((ms) =>
    ms === undefined ? null : new Date(ms),
  );
  await raw.query(
    `insert into sales.sales
       (tenant_id, id, title, state, opens_at, closes_at, scheduled_at, changed_at, created_at,
        waiting_room, made_by)
     values ($1, $2, 'Anniversary', $3, $4, $5, $6, $7, $7, false, 'anna')`,
    [ids.next<"Tenant">(), ids.next<"Sale">(), state, ...times],
  );
}

test("a sale is in its state since the clock brought it there, whatever was changed since", async () => {
  const now = clock.now();
  const [earlier, later] = [now - 3 * minuteMs, now - minuteMs];
  await insertSale("draft", { opensAt: earlier, scheduledAt: undefined });
  await insertSale("scheduled", { opensAt: now + hourMs, scheduledAt: earlier });
  await insertSale("scheduled", { opensAt: now + hourMs, scheduledAt: later });
  await insertSale("open", { opensAt: later, scheduledAt: earlier });
  // Scheduled after its opening time, which may lie some minutes back.
  await insertSale("open", { opensAt: earlier - minuteMs, scheduledAt: later });
  const { rows } = await raw.query<{ state: string; since: Date }>(oldestSales.text);
  const since = new Map(rows.map((row) => [row.state, row.since.getTime()]));
  expect(since).toEqual(
    new Map([
      ["scheduled", earlier],
      ["open", later],
    ]),
  );
});
