import { expect, test } from "vitest";
import { printSettings, readSettings, settingsMarkdown } from "./settings.ts";
import type { Environment, Settings } from "./settings.ts";

const databaseUrl = "postgresql://tongbao:pa55@127.0.0.1:5432/tongbao?sslpassword=pa55";

function read(environment: Environment): Settings {
  const result = readSettings({ DATABASE_URL: databaseUrl, ...environment });
  if (result.kind === "wrong")
    expect.fail(result.problems.map(({ message }) => message).join("\n"));
  return result.settings;
}

function problems(environment: Environment): string[] {
  const result = readSettings({ DATABASE_URL: databaseUrl, ...environment });
  return result.kind === "wrong" ? result.problems.map(({ message }) => message) : [];
}

test("the database alone is enough: the rest has defaults", () => {
  expect(read({})).toMatchObject({
    port: 8080,
    host: "127.0.0.1",
    home: ".tongbao",
    role: "all",
    publicUrl: "http://127.0.0.1:8080",
    simulatorUrl: "http://127.0.0.1:8090",
    orderCloseMinutes: 30,
    businessZone: "Asia/Shanghai",
    masterKeys: undefined,
    metricsToken: undefined,
  });
});

test("given values are read in their types", () => {
  const key = Buffer.alloc(32, 7);
  const settings = read({
    PORT: "9000",
    HOST: "::1",
    TONGBAO_MASTER_KEY: key.toString("base64"),
    TRUSTED_PROXIES: "10.0.0.0/8, ::1",
    CHANNEL_HOSTS: "API.example.com, 127.0.0.1:8090,[::1]:443",
    LOG_LEVEL: "debug",
    SIMULATOR_URL: "http://127.0.0.1:1/",
  });
  expect(settings).toMatchObject({
    port: 9000,
    publicUrl: "http://[::1]:9000",
    masterKeys: [key],
    trustedProxies: ["10.0.0.0/8", "::1"],
    channelHosts: ["api.example.com", "127.0.0.1:8090", "[::1]:443"],
    logLevel: "debug",
    simulatorUrl: "http://127.0.0.1:1",
  });
});

test("listening everywhere is reached over the loopback address", () => {
  expect(read({ HOST: "0.0.0.0" }).publicUrl).toBe("http://127.0.0.1:8080");
});

test("an empty variable counts as not set", () => {
  expect(read({ PORT: "", TONGBAO_MASTER_KEY: " " }).port).toBe(8080);
  expect(problems({ DATABASE_URL: "" })).toEqual([
    "DATABASE_URL must be set to a URL that begins with postgresql:// or postgres://",
  ]);
});

test("everything that is wrong is told at once, with what is allowed", () => {
  expect(problems({ PORT: "80a", COMMITTERS: "3", TONGBAO_ROLE: "boss" })).toEqual([
    'PORT is "80a", but must be a whole number from 0 to 65535',
    'TONGBAO_ROLE is "boss", but must be one of all, api, worker',
    'COMMITTERS is "3", but must be a whole number from 1 to 2',
  ]);
});

test.each<[keyof Environment, string]>([
  ["PORT", "65536"],
  ["PORT", "-1"],
  ["PORT", "1e3"],
  ["HOST", "not a host"],
  ["TONGBAO_PUBLIC_URL", "shop.example"],
  ["TONGBAO_PUBLIC_URL", "ftp://shop.example"],
  ["BUSINESS_ZONE", "Asia/Nowhere"],
  ["TRUSTED_PROXIES", "everyone"],
  ["CHANNEL_HOSTS", "https://openapi.alipay.com"],
  ["CHANNEL_HOSTS", "openapi.alipay.com,"],
  ["CHANNEL_HOSTS", "openapi.alipay.com:70000"],
  ["METRICS_TOKEN", "short"],
  ["DATABASE_URL", "mysql://x"],
])("refuses %s=%s", (name, value) => {
  expect(problems({ [name]: value })).toHaveLength(1);
});

test("a wrong secret is not repeated to whoever reads the message", () => {
  expect(problems({ TONGBAO_MASTER_KEY: "hunter2" })).toEqual([
    "TONGBAO_MASTER_KEY is 7 hidden characters, but must be 32 random bytes in base64 " +
      "(openssl rand -base64 32), or several with commas between",
  ]);
});

test("the print-out names every setting and shows no secret", () => {
  const key = Buffer.alloc(32, 7).toString("base64");
  const token = "metrics-token-0123456789";
  const text = printSettings(read({ TONGBAO_MASTER_KEY: key, METRICS_TOKEN: token }));
  expect(text).toContain("postgresql://tongbao:(hidden)@127.0.0.1:5432/tongbao");
  expect(text).toMatch(/PORT +8080/);
  expect(text).toMatch(/TONGBAO_MASTER_KEY +\(hidden\)/);
  for (const secret of [key, token, "pa55", "7,7,7"]) expect(text).not.toContain(secret);
});

test("the document has a line for each setting", () => {
  const text = settingsMarkdown();
  expect(text).toContain("| `PORT` |");
  expect(text).toContain("| `DATABASE_URL` |");
  expect(text).toContain("a whole number from 0 to 65535 | `8080` |");
  expect(text.split("\n").filter((line) => line.startsWith("| `"))).toHaveLength(
    Object.keys(read({})).length,
  );
});
