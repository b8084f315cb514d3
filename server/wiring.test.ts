import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { testDatabase } from "./kernel/testing/database.ts";
import { startTestPlatform } from "./testing/platform.ts";
import { reactionsOf } from "./wiring.ts";

const { url } = await testDatabase();
const platform = await startTestPlatform({ url });
afterAll(() => platform.stop());

const committed = JSON.parse(readFileSync(join(import.meta.dirname, "../openapi.json"), "utf8"));

test("the API that runs is the one that openapi.json describes", async () => {
  const reply = await fetch(`${platform.baseUrl}/openapi.json`);
  const { servers, ...described }: { servers?: unknown } = JSON.parse(await reply.text());
  expect(servers).toHaveLength(1);
  expect(described).toEqual(committed);
});

test("every route has a name for clients, each another one", () => {
  const items: Record<string, { operationId?: string }>[] = Object.values(committed.paths);
  const names = items.flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect(names).not.toContain(undefined);
  expect(names).toEqual([...new Set(names)]);
});

test("what modules react to has a name each", () => {
  const { deadlines, subscriptions } = reactionsOf(platform);
  const names = [...deadlines, ...subscriptions].map(({ name }) => name);
  expect(names).toContain("orders.close_due");
  expect(names).toEqual([...new Set(names)]);
});
