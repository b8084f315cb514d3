import Type from "typebox";
import { expect, test } from "vitest";
import type { Id } from "../../../kernel/ids.ts";
import type { SettingsWorld } from "./settings.ts";
import { decideChangeSettings, defineTenantSetting, meansDefault } from "./settings.ts";

const now = Date.parse("2025-11-21T03:42:00Z");
const id = "019aa4ab-6d2c-7a94-a3c1-c3f3f5b3e0a1" as Id<"SettingChange">;
const name = "orders.close_after_minutes";

function change(world: SettingsWorld, value: unknown) {
  return decideChangeSettings(world, { changes: [{ id, name, value }], by: "admin:li" }, now);
}

test("a change is recorded with who, when, old and new [TEN-02]", () => {
  const world: SettingsWorld = { tenantExists: true, chosen: new Map([[name, 30]]) };
  expect(change(world, 15)).toEqual({
    kind: "changed",
    changes: [{ id, name, oldValue: 30, newValue: 15, by: "admin:li", at: now }],
  });
  expect(world.chosen.get(name)).toBe(15);
});

test("back to the platform's default is a change like any other", () => {
  const world: SettingsWorld = { tenantExists: true, chosen: new Map([[name, 30]]) };
  expect(change(world, undefined)).toMatchObject({
    changes: [{ oldValue: 30, newValue: undefined }],
  });
  expect(world.chosen.has(name)).toBe(false);
});

test("what stays as it was leaves no history", () => {
  const chosen = new Map<string, unknown>([[name, { from: 1, to: 2 }]]);
  expect(change({ tenantExists: true, chosen }, { from: 1, to: 2 })).toMatchObject({ changes: [] });
  const none = { tenantExists: true, chosen: new Map() };
  expect(change(none, undefined)).toMatchObject({ changes: [] });
});

test("a tenant that does not exist has no settings", () => {
  expect(change({ tenantExists: false, chosen: new Map() }, 1)).toMatchObject({
    code: "not_found",
  });
});

test("null and -1 mean the platform's default, 0 and false do not [TEN-02]", () => {
  expect([null, -1, 0, false, ""].map(meansDefault)).toEqual([true, true, false, false, false]);
});

test("a setting is named after its module", () => {
  const declare = (text: string) =>
    defineTenantSetting({ name: text, schema: Type.Integer(), platformDefault: 1, meaning: "-" });
  expect(declare(name).name).toBe(name);
  for (const wrong of ["close_after", "Orders.close", "orders.", "orders.closeAfter"]) {
    expect(() => declare(wrong)).toThrow("no name of a tenant setting");
  }
});
