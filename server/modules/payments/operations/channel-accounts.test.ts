import { createPublicKey, randomBytes } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { createAlipay } from "../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../channels/wechatpay/index.ts";
import { createCommitters } from "../../../kernel/batch.ts";
import { createDatabase } from "../../../kernel/database.ts";
import { createIds } from "../../../kernel/ids.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { createSecrets, SealError } from "../../../kernel/secrets.ts";
import { testDatabase } from "../../../kernel/testing/database.ts";
import { createManualClock } from "../../../kernel/time.ts";
import { keys } from "../../../channels/wire/testing/fixtures.ts";
import { parseId } from "../../../kernel/ids.ts";
import { required } from "../../../kernel/assert.ts";
import type { ChannelAccountId } from "../domain/types.ts";
import type { NewChannelAccount } from "./channel-accounts.ts";
import { createChannelAccounts } from "./channel-accounts.ts";

const { url } = await testDatabase();
const channelHosts = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com:443", "127.0.0.1:8090"];
const clock = createManualClock(Date.UTC(2026, 10, 21, 4));
const ids = createIds({ clock });
const secrets = createSecrets([randomBytes(32)]);
const apiV3Key = "0123456789abcdef0123456789ABCDEF";

function startProcess(own = { secrets }) {
  const database = createDatabase({ url, clock, poolMax: 3 });
  const committers = createCommitters({ database });
  afterAll(async () => {
    await committers.stop();
    await database.close();
  });
  const channels = [createAlipay({ clock }), createWechatpay({ clock })];
  const deps = { channelHosts, database, committers, ids, clock, channels, ...own };
  return { database, accounts: createChannelAccounts(deps) };
}

const { accounts, database } = startProcess();
const other = startProcess();

const config = {
  baseUrl: "https://api.mch.weixin.qq.com",
  merchantSerial: keys.merchant.serial,
  merchantPrivateKeyPem: keys.merchant.privateKey,
  apiV3Key,
  platformKeys: { [keys.platformOld.serial]: keys.platformOld.certificate },
  mode: "certificate",
};

function wanted(changes: Partial<NewChannelAccount> = {}): NewChannelAccount {
  return {
    channel: "wechatpay",
    merchantId: "1900000001",
    appId: "wx1",
    label: "till",
    config,
    active: true,
    by: "admin:li",
    ...changes,
  };
}

const newKey = () => ({ key: `admin ${ids.next()}`, bodyHash: randomBytes(32) });

function idOf(answer: Answer | Refusal): ChannelAccountId {
  if (answer.kind === "refused") throw new Error(`refused: ${JSON.stringify(answer)}`);
  return required(parseId<"ChannelAccount">(JSON.parse(answer.body).id), "the account's id");
}

async function created(tenantId: string, changes: Partial<NewChannelAccount> = {}) {
  return idOf(await accounts.create(tenantId, newKey(), wanted(changes)));
}

const nothing = { label: undefined, config: undefined, active: undefined, by: "admin:li" };

test("an account is made, told without its secrets, and opens with them", async () => {
  const tenantId = ids.next();
  const answer = await accounts.create(tenantId, newKey(), wanted());
  const id = idOf(answer);
  expect(answer).toMatchObject({ kind: "answered", status: 201 });
  expect(JSON.parse(answer.kind === "answered" ? answer.body : "")).toEqual({
    id,
    channel: "wechatpay",
    merchantId: "1900000001",
    appId: "wx1",
    label: "till",
    active: true,
    noticePath: `/notices/wechatpay/${tenantId}/${id}`,
    createdAt: new Date(clock.now()).toISOString(),
  });
  const { identity, plug, account } = await accounts.open(tenantId, id);
  expect(identity).toEqual({ id, channel: "wechatpay", merchantId: "1900000001", appId: "wx1" });
  expect([plug.code, account.id, account.merchantId]).toEqual(["wechatpay", id, "1900000001"]);
  expect(account.config).toMatchObject({ baseUrl: config.baseUrl, mode: "certificate" });
});

test("the database holds the configuration sealed, and it opens in its own row only", async () => {
  const tenantId = ids.next();
  const [mine, others] = [await created(tenantId), await created(tenantId, { appId: "wx2" })];
  const rows = await database.read<{ text: string }>(
    tenantId,
    {
      name: "test.accounts",
      text: "select a::text as text from payments.channel_accounts a where tenant_id = $1",
    },
    [tenantId],
  );
  expect(rows).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toContain(apiV3Key);
  await database.read(
    tenantId,
    {
      name: "test.copy_config",
      text: `update payments.channel_accounts set sealed_config = (
               select sealed_config from payments.channel_accounts where tenant_id = $1 and id = $2)
             where tenant_id = $1 and id = $3`,
    },
    [tenantId, others, mine],
  );
  await expect(accounts.open(tenantId, mine)).rejects.toThrow(SealError);
});

test("reading tells which fields are set and nothing of their values", async () => {
  const tenantId = ids.next();
  const found = await accounts.read(tenantId, await created(tenantId));
  expect(found).toMatchObject({
    config: { apiV3Key: "(set)", platformKeys: { [keys.platformOld.serial]: "(set)" } },
  });
  const told = JSON.stringify("config" in found ? found.config : found);
  expect(told).not.toContain(apiV3Key);
  expect(told).not.toContain("PRIVATE KEY");
  expect(told).not.toContain(config.baseUrl);
});

const { apiV3Key: _key, ...withoutKey } = config;

describe("refuses", () => {
  test.each([
    ["a channel that we do not have", { channel: "paypal" }, "channel", "alipay, wechatpay"],
    ["no configuration", { config: null }, "config", ""],
    [
      "a key that is none",
      { config: { ...config, merchantPrivateKeyPem: "abc" } },
      "config.merchantPrivateKeyPem",
      "an RSA private key in PEM",
    ],
    ["a missing field", { config: withoutKey }, "config.apiV3Key", "must be there"],
  ])("%s, and names the field", async (_what, changes, field, allowed) => {
    const answer = await accounts.create(ids.next(), newKey(), wanted(changes));
    expect(answer).toMatchObject({
      code: "invalid_request",
      facts: { errors: [{ field, allowed: expect.stringContaining(allowed) }] },
    });
  });

  test.each([
    ["of another host", { baseUrl: "https://example.com" }, "baseUrl"],
    ["of this machine", { baseUrl: "http://127.0.0.1:5432" }, "baseUrl"],
    ["of a host that only begins like it", { baseUrl: `${config.baseUrl}.example.com` }, "baseUrl"],
    ["of a user called like it", { baseUrl: `${config.baseUrl}@example.com` }, "baseUrl"],
    ["of another port", { baseUrl: "https://api2.mch.weixin.qq.com:8443" }, "baseUrl"],
    ["of an allowed name without TLS", { baseUrl: "http://api2.mch.weixin.qq.com" }, "baseUrl"],
    ["that is no URL", { baseUrl: "https://[" }, "baseUrl"],
    ["to fall back to", { fallbackUrl: "http://169.254.169.254/latest" }, "fallbackUrl"],
  ])("an address %s, also in a change", async (_what, changes, field) => {
    const tenantId = ids.next();
    const wrong = { ...config, ...changes };
    const refusal = {
      code: "invalid_request",
      facts: { errors: [{ field: `config.${field}`, allowed: channelHosts.join(", ") }] },
    };
    const refused = await accounts.create(tenantId, newKey(), wanted({ config: wrong }));
    expect(refused).toMatchObject(refusal);
    const accountId = await created(tenantId);
    const change = { ...nothing, accountId, config: wrong };
    expect(await accounts.change(tenantId, newKey(), change)).toMatchObject(refusal);
    expect((await accounts.open(tenantId, accountId)).account.config).toMatchObject({
      baseUrl: config.baseUrl,
    });
  });

  test("Alipay's gateway elsewhere", async () => {
    const foreign = {
      gatewayUrl: "https://example.com/gateway.do",
      appPrivateKeyPem: keys.merchant.privateKey,
      alipayPublicKeyPem: createPublicKey(keys.platformNew.certificate)
        .export({ type: "spki", format: "pem" })
        .toString(),
    };
    const refused = await accounts.create(
      ids.next(),
      newKey(),
      wanted({ channel: "alipay", config: foreign }),
    );
    expect(refused).toMatchObject({ facts: { errors: [{ field: "config.gatewayUrl" }] } });
  });

  test("no address that the operator allows", async () => {
    for (const baseUrl of ["https://API.mch.weixin.qq.com:8443/", "http://127.0.0.1:8090"]) {
      const given = wanted({ config: { ...config, baseUrl } });
      expect(await accounts.create(ids.next(), newKey(), given)).toMatchObject({ status: 201 });
    }
  });

  test("a second account of one contract, also when both are made at once", async () => {
    const tenantId = ids.next();
    const both = await Promise.all([
      accounts.create(tenantId, newKey(), wanted()),
      other.accounts.create(tenantId, newKey(), wanted({ label: "another" })),
    ]);
    const refused = both.filter(({ kind }) => kind === "refused");
    expect(refused).toMatchObject([
      {
        code: "channel_account_exists",
        facts: { channel: "wechatpay", merchantId: "1900000001", appId: "wx1" },
      },
    ]);
    await created(tenantId, { appId: "wx2" });
    await created(ids.next());
  });

  test("changing or reading what another tenant has", async () => {
    const id = await created(ids.next());
    const refusal = { kind: "refused", code: "not_found", facts: { what: "channel account" } };
    const change = { ...nothing, accountId: id, active: false };
    expect(await accounts.change(ids.next(), newKey(), change)).toEqual(refusal);
    expect(await accounts.read(ids.next(), id)).toEqual(refusal);
    await expect(accounts.open(ids.next(), id)).rejects.toThrow(id);
    expect(
      await accounts.find(ids.next(), { channel: "wechatpay", accountId: id }),
    ).toBeUndefined();
  });

  test("a wrong configuration in a change, and keeps the old one", async () => {
    const tenantId = ids.next();
    const accountId = await created(tenantId);
    const change = { ...nothing, accountId, config: { ...config, mode: "none" } };
    expect(await accounts.change(tenantId, newKey(), change)).toMatchObject({
      facts: { errors: [{ field: "config.mode" }] },
    });
    expect((await accounts.open(tenantId, accountId)).account.config).toMatchObject({
      mode: "certificate",
    });
  });
});

test("the same key makes one account", async () => {
  const tenantId = ids.next();
  const key = newKey();
  const first = await accounts.create(tenantId, key, wanted());
  const again = await other.accounts.create(tenantId, key, wanted());
  expect(again).toEqual({ ...first, replayed: true });
});

test("a change holds here at once and in other processes within seconds", async () => {
  const tenantId = ids.next();
  const accountId = await created(tenantId);
  await accounts.open(tenantId, accountId);
  await other.accounts.open(tenantId, accountId);
  const baseUrl = "https://api2.mch.weixin.qq.com";
  const change = { ...nothing, accountId, config: { ...config, baseUrl }, label: "new till" };
  const answer = await accounts.change(tenantId, newKey(), change);
  expect(JSON.parse(answer.kind === "answered" ? answer.body : "")).toMatchObject({
    label: "new till",
    active: true,
  });
  const urlAt = async ({ accounts: at }: typeof other) =>
    (await at.open(tenantId, accountId)).account.config;
  expect(await urlAt({ accounts, database })).toMatchObject({ baseUrl });
  clock.advance(5_000);
  expect(await urlAt(other)).toMatchObject({ baseUrl });
});

describe("choosing", () => {
  test("takes the oldest active account; an inactive one still opens", async () => {
    const tenantId = ids.next();
    expect(await accounts.choose(tenantId, "wechatpay")).toMatchObject({
      code: "channel_not_available",
    });
    const first = await created(tenantId);
    const second = await created(tenantId, { appId: "wx2" });
    expect(await accounts.choose(tenantId, "wechatpay")).toMatchObject({
      accountId: first,
      channel: "wechatpay",
      capabilities: { refundsPerPaymentMax: 50 },
    });
    await accounts.change(tenantId, newKey(), { ...nothing, accountId: first, active: false });
    expect(await accounts.choose(tenantId, "wechatpay")).toMatchObject({ accountId: second });
    expect((await accounts.open(tenantId, first)).identity.id).toBe(first);
    await accounts.change(tenantId, newKey(), { ...nothing, accountId: second, active: false });
    expect(await accounts.choose(tenantId, "wechatpay")).toMatchObject({
      code: "channel_not_available",
    });
  });

  test("a channel that the tenant or the platform does not have is refused", async () => {
    const tenantId = ids.next();
    await created(tenantId);
    for (const channel of ["alipay", "paypal"]) {
      expect(await accounts.choose(tenantId, channel)).toMatchObject({
        code: "channel_not_available",
        facts: { channel },
      });
    }
  });
});

test("an account is found under its own channel only", async () => {
  const tenantId = ids.next();
  const id = await created(tenantId);
  expect(
    (await accounts.find(tenantId, { channel: "wechatpay", accountId: id }))?.identity.id,
  ).toBe(id);
  expect(await accounts.find(tenantId, { channel: "alipay", accountId: id })).toBeUndefined();
  expect(
    await accounts.find(tenantId, { channel: "wechatpay", accountId: ids.next() }),
  ).toBeUndefined();
});
