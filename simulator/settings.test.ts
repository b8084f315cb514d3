import { expect, test } from "vitest";
import { readSettings } from "./settings.ts";

test("without an environment it listens on this machine only", () => {
  const settings = { host: "127.0.0.1", port: 8090, speed: 1 };
  expect(readSettings({})).toEqual({ kind: "settings", settings });
});

test("takes every setting from the environment", () => {
  const outcome = readSettings({
    SIMULATOR_HOST: "0.0.0.0",
    SIMULATOR_PORT: "0",
    SIMULATOR_SPEED: "0.5",
    SIMULATOR_STATE: "/tmp/world.jsonl",
    SIMULATOR_PUBLIC_URL: "http://192.168.1.5:8090",
  });
  expect(outcome).toMatchObject({
    settings: { port: 0, speed: 0.5, statePath: "/tmp/world.jsonl", host: "0.0.0.0" },
  });
});

test.each([
  ["SIMULATOR_PORT", "80x"],
  ["SIMULATOR_PORT", "65536"],
  ["SIMULATOR_SPEED", "0"],
  ["SIMULATOR_SPEED", "fast"],
  ["SIMULATOR_PUBLIC_URL", "here"],
])("refuses %s=%s and says what is allowed", (name, value) => {
  expect(readSettings({ [name]: value })).toMatchObject({ kind: "refused", name, value });
});
