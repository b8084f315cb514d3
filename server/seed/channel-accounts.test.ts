import { randomBytes } from "node:crypto";
import { afterAll, expect, test } from "vitest";
import { createSimulator } from "../../simulator/index.ts";
import { createAlipay } from "../channels/alipay/index.ts";
import { createWechatpay } from "../channels/wechatpay/index.ts";
import { createCommitters } from "../kernel/batch.ts";
import { createDatabase } from "../kernel/database.ts";
import { createIds } from "../kernel/ids.ts";
import { createLog } from "../kernel/log.ts";
import { createNumbers } from "../kernel/numbers.ts";
import { isRefusal } from "../kernel/refusal.ts";
import { createSecrets } from "../kernel/secrets.ts";
import { testDatabase } from "../kernel/testing/database.ts";
import { systemClock as clock } from "../kernel/time.ts";
import { createIdentity } from "../modules/identity/index.ts";
import { createPayments, paymentTenantSettings } from "../modules/payments/index.ts";
import { outsideHost } from "../testing/outside.ts";
import { seedChannelAccounts } from "./channel-accounts.ts";

const { url } = await testDatabase();
const database = createDatabase({ url, clock, poolMax: 4 });
const committers = createCommitters({ database });
const ids = createIds({ clock });
const secrets = createSecrets([randomBytes(32)]);
const tenantSettings = paymentTenantSettings();
const shared = { database, committers, ids, clock, secrets };
const identity = createIdentity({ ...shared, tenantSettings: Object.values(tenantSettings) });
const payments = createPayments({
  ...shared,
  numbers: createNumbers({ clock }),
  identity,
  tenantSettings,
  channels: [createWechatpay({ clock }), createAlipay({ clock })],
  channelHosts: [outsideHost],
  publicUrl: "http://127.0.0.1:8080",
});
afterAll(async () => {
  await committers.stop();
  await database.close();
});

const lines: string[] = [];
const log = createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } });

async function startWorld() {
  const simulator = await createSimulator();
  afterAll(() => simulator.close());
  return { simulator, simulatorUrl: await simulator.listen() };
}

async function accountsOf(tenantId: string) {
  const page = { channel: undefined, before: undefined, limit: 10 };
  const accounts = await payments.channelAccounts.list(tenantId, page);
  return accounts.toSorted((one, other) => one.channel.localeCompare(other.channel));
}

/** Whether the channel answers with what is written down: an unknown number, not a refused key. */
async function isUsable(tenantId: string, channel: string): Promise<boolean> {
  const chosen = await payments.chooseChannel(tenantId, channel);
  if (isRefusal(chosen)) return false;
  const { plug, account } = await payments.channelAccounts.open(tenantId, chosen.accountId);
  const answer = await plug.query(account, "UNKNOWN000001", AbortSignal.timeout(5_000));
  return answer.kind === "refused" && answer.reason === "not_found";
}

test("the demo gets an account at each channel, once", async () => {
  const { simulatorUrl } = await startWorld();
  const tenantId = ids.next();
  await seedChannelAccounts({ payments, log, simulatorUrl, tenantId });
  await seedChannelAccounts({ payments, log, simulatorUrl, tenantId });
  expect(await accountsOf(tenantId)).toMatchObject([
    { channel: "alipay", merchantId: "2088000000000001", active: true },
    { channel: "wechatpay", merchantId: "1900000001", active: true },
  ]);
  expect(await isUsable(tenantId, "alipay")).toBe(true);
  expect(await isUsable(tenantId, "wechatpay")).toBe(true);
});

test("a simulator that forgot its merchants gives the same accounts new keys", async () => {
  const [before, after] = [await startWorld(), await startWorld()];
  const tenantId = ids.next();
  await seedChannelAccounts({ payments, log, simulatorUrl: before.simulatorUrl, tenantId });
  const accounts = await accountsOf(tenantId);
  await before.simulator.close();
  await seedChannelAccounts({ payments, log, simulatorUrl: after.simulatorUrl, tenantId });
  expect((await accountsOf(tenantId)).map(({ id }) => id)).toEqual(accounts.map(({ id }) => id));
  expect(await isUsable(tenantId, "alipay")).toBe(true);
  expect(await isUsable(tenantId, "wechatpay")).toBe(true);
});

test("a simulator that is not there is told in the log, and the next start makes it up", async () => {
  const { simulator, simulatorUrl } = await startWorld();
  const tenantId = ids.next();
  await simulator.close();
  lines.length = 0;
  await seedChannelAccounts({ payments, log, simulatorUrl, tenantId });
  expect(await accountsOf(tenantId)).toEqual([]);
  expect(lines.filter((line) => line.includes("waits for the next start"))).toHaveLength(2);
  const { simulatorUrl: later } = await startWorld();
  await seedChannelAccounts({ payments, log, simulatorUrl: later, tenantId });
  expect(await accountsOf(tenantId)).toHaveLength(2);
});

test("something else at the simulator's address holds up nothing", async () => {
  const { simulatorUrl } = await startWorld();
  const tenantId = ids.next();
  lines.length = 0;
  await seedChannelAccounts({ payments, log, simulatorUrl: `${simulatorUrl}/none`, tenantId });
  expect(await accountsOf(tenantId)).toEqual([]);
  expect(lines.join("")).toContain("404");
});
