import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { unfinishedStates } from "./kernel/machine.ts";
import { testDatabase } from "./kernel/testing/database.ts";
import { hourMs } from "./kernel/time.ts";
import { createAheadClock, openOutside } from "./testing/outside.ts";
import { startTestPlatform } from "./testing/platform.ts";
import { furnish } from "./testing/rows.ts";
import { machines, reactionsOf } from "./wiring.ts";

const { url } = await testDatabase();
const { clock, advance } = createAheadClock();
const platform = await startTestPlatform({ url, clock });
const outside = await openOutside();
afterAll(async () => {
  await platform.stop();
  await outside.stop();
});

const committed = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8"));

test("the API that runs is the one that openapi.json describes", async () => {
  const reply = await fetch(`${platform.baseUrl}/openapi.json`);
  const { servers, ...described }: { servers?: unknown } = JSON.parse(await reply.text());
  expect(servers).toHaveLength(1);
  expect(described).toEqual(committed);
});

test("who is asked for a token is told where it comes from", () => {
  const { description } = committed.components.securitySchemes.token;
  expect(description).toContain("`npm run token -- --help`");
  expect(description).toContain("`POST /v1/tokens`");
  expect(committed.paths["/v1/tokens"].post.security).toEqual([{ token: ["tenant:write"] }]);
  expect(description).toContain("`tenant:write`");
});

test("every route has a name for clients, each another one", () => {
  const items: Record<string, { operationId?: string }>[] = Object.values(committed.paths);
  const names = items.flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect(names).not.toContain(undefined);
  expect(names).toEqual([...new Set(names)]);
});

test("every group of routes is described, and the documents open with orders", () => {
  const items: Record<string, { tags?: string[] }>[] = Object.values(committed.paths);
  const used = items.flatMap((item) => Object.values(item).flatMap(({ tags = [""] }) => tags));
  const described = committed.tags.map(({ name }: { name: string }) => name);
  expect(described.slice(0, 3)).toEqual(["Orders", "Payments", "Refunds"]);
  expect(described.toSorted()).toEqual([...new Set(used)].toSorted());
});

test("what modules react to has a name each", () => {
  const { deadlines, subscriptions } = reactionsOf(platform);
  const names = [...deadlines, ...subscriptions].map(({ name }) => name);
  expect(names).toContain("orders.close_due");
  expect(names).toEqual([...new Set(names)]);
});

test("every state that must be left is watched, once, and no other", () => {
  const unfinished = machines.flatMap((machine) =>
    unfinishedStates(machine).map((state) => `${machine.name} ${state}`),
  );
  const { watches } = reactionsOf(platform);
  const watched = watches.flatMap(({ machine, states }) =>
    states.map((state) => `${machine} ${state}`),
  );
  expect(unfinished).toContain("order_refund under_way");
  expect(watched.toSorted()).toEqual(unfinished.toSorted());
});

test("the metrics tell the age of the oldest thing in every such state", async () => {
  const tenant = await platform.createTenant("Harbour Mall");
  await furnish({ platform, outside, tenant, by: "admin:test" });
  advance(hourMs);
  const { body } = await platform.app.inject({ url: "/metrics" });
  const ages = [...body.matchAll(/^tongbao_oldest_unfinished_seconds\{(.+)\} (.+)$/gm)].map(
    ([, labels = "", seconds]): [string, number] => [labels, Number(seconds)],
  );
  const { watches } = reactionsOf(platform);
  expect(ages).toHaveLength(watches.flatMap(({ states }) => states).length);
  // What a tenant of some age has that must still be left; elsewhere nothing is.
  const old = ages.filter(([, seconds]) => seconds >= hourMs / 1000).map(([labels]) => labels);
  expect(old.toSorted()).toEqual([
    'machine="order",state="paid"',
    'machine="order",state="paying"',
    'machine="order",state="pending_payment"',
    'machine="order_refund",state="under_way"',
    'machine="refund",state="requested"',
    'machine="sale",state="scheduled"',
  ]);
});
