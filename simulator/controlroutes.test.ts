import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSimulator } from "./index.ts";
import type { Simulator } from "./index.ts";
import { testRefund, testTrade } from "./test/things.ts";
import { refundKey } from "./world.ts";

let simulator: Simulator;
let baseUrl: string;

beforeAll(async () => {
  simulator = await createSimulator();
  baseUrl = await simulator.listen();
});
beforeEach(() => simulator.control.reset());
afterAll(() => simulator.close());

async function call(method: string, path: string, body?: object) {
  const reply = await fetch(`${baseUrl}/control/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await reply.text();
  return { status: reply.status, data: text === "" ? undefined : JSON.parse(text) };
}
const get = (path: string) => call("GET", path);
const post = (path: string, body?: object) => call("POST", path, body);

test("a merchant of WeChat Pay comes with everything its account needs, once", async () => {
  const { data } = await post("wechatpay/merchants", { mchid: "1900000009", mode: "certificate" });
  expect(data).toMatchObject({ channel: "wechatpay", mchid: "1900000009", mode: "certificate" });
  expect(data.apiV3Key).toHaveLength(32);
  expect(data.platformPublicKeyId).toMatch(/^PUB_KEY_ID_\d+$/);
  const [platform] = data.platformCertificates;
  for (const [pem, serial] of [
    [data.merchantCertificatePem, data.merchantSerial],
    [platform.pem, platform.serial],
  ]) {
    const certificate = new X509Certificate(pem);
    expect(certificate.serialNumber).toBe(serial);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(Date.parse(certificate.validTo)).toBeGreaterThan(Date.now());
  }
  expect((await post("wechatpay/merchants", { mchid: "1900000009" })).data).toEqual(data);
  expect((await get("merchants")).data).toContainEqual(data);
});

test("a merchant of Alipay comes with both sides' keys", async () => {
  const { data } = await post("alipay/merchants");
  expect(data.sellerId).toMatch(/^2088\d{12}$/);
  expect(data.appId).toMatch(/^\d{16}$/);
  expect(data.appPrivateKeyPem).toContain("BEGIN PRIVATE KEY");
  expect(data.alipayPublicKeyPem).toContain("BEGIN PUBLIC KEY");
});

test("a wrong field of a command is refused by name, and nothing is done", async () => {
  const refused = [
    [await post("wechatpay/merchants", { mode: "both" }), "mode"],
    [await post("wechatpay/merchants", { mchid: "x" }), "mchid"],
    [await post("faults", { kind: "earthquake" }), "kind"],
    [await post("faults", { kind: "delay", match: { operation: "sing" } }), "operation"],
    [await post("faults", { kind: "delay", params: { seconds: 1 } }), "params"],
    [await post("faults/seed", { seed: "s", probabilities: { earthquake: 1 } }), "earthquake"],
    [await post("clock", { speed: 0 }), "speed"],
    [await post("clock/advance", { ms: -1 }), "ms"],
    [await post("trades/T1/pay", { at: "yesterday" }), "at"],
    [await post("refunds/R1/state", { state: "success", at: "yesterday" }), "at"],
    [await get("trades?nobody=1"), "querystring"],
  ] as const;
  for (const [{ status, data }, field] of refused) {
    expect(status).toBe(400);
    expect(data.message).toContain(field);
  }
  expect((await get("faults")).data).toEqual([]);
});

test("trades are found, paid, declined and expired by number", async () => {
  const { data: account } = await post("wechatpay/merchants");
  const expiresAt = Date.now() + 60_000;
  for (const number of ["T1", "T2"])
    simulator.world.trades.put(testTrade({ number, merchantId: account.mchid, expiresAt }));
  expect((await post("trades/T1/decline")).data).toMatchObject({ declineCount: 1 });
  const at = "2026-11-20T12:00:00+08:00";
  expect((await post("trades/T1/pay", { at })).data).toEqual({ result: "paid" });
  expect((await get("trades/T1")).data.trade).toMatchObject({ paidAt: Date.parse(at) });
  expect((await post("trades/T2/expire")).data).toMatchObject({ state: "closed" });
  expect((await post("trades/T9/pay")).status).toBe(404);
  const { data: found } = await get(`trades?attemptNumber=T2&merchantId=${account.mchid}`);
  expect(found).toMatchObject([{ number: "T2" }]);
});

test("one number at two merchants needs the merchant's name", async () => {
  const merchants = [await post("wechatpay/merchants"), await post("wechatpay/merchants")];
  const ids = merchants.map(({ data }) => data.mchid);
  for (const merchantId of ids) simulator.world.trades.put(testTrade({ merchantId }));
  expect((await post("trades/T1/pay")).status).toBe(409);
  expect((await post("trades/T1/pay", { merchantId: ids[0] })).data).toEqual({ result: "paid" });
});

test("a refund is brought to any end, and the books follow", async () => {
  const { data: account } = await post("wechatpay/merchants");
  const merchantId = account.mchid;
  const refund = testRefund({ merchantId, state: "processing" });
  const refundKeys = [refundKey(refund)];
  simulator.world.refunds.put(refund);
  simulator.world.trades.put(testTrade({ merchantId, state: "paid", paidAt: 1, refundKeys }));
  const totals = async () => (await get(`books?merchantId=${merchantId}`)).data[0].totals;
  expect(await totals()).toMatchObject({ paidMinor: 100, refundedMinor: 0, refundingMinor: 10 });
  expect((await post("refunds/R1/state", { state: "success" })).status).toBe(200);
  expect(await totals()).toMatchObject({ paidMinor: 100, refundedMinor: 10, refundingMinor: 0 });
  expect((await get("refunds?refundNumber=R1")).data).toMatchObject([{ state: "success" }]);
});

test("rules are added, listed, removed, seeded and cleared", async () => {
  const { data: rule, status } = await post("faults", { kind: "delay", times: 3 });
  expect(status).toBe(201);
  expect((await get("faults")).data).toEqual([rule]);
  expect((await call("DELETE", `faults/${rule.id}`)).status).toBe(204);
  expect((await call("DELETE", `faults/${rule.id}`)).status).toBe(404);
  const { data: seeded } = await post("faults/seed", { seed: "a", channel: "alipay" });
  expect(seeded.length).toBeGreaterThan(10);
  expect(seeded[0]).toMatchObject({ match: { channel: "alipay" }, kind: "delay" });
  expect((await call("DELETE", "faults")).status).toBe(204);
  expect((await get("faults")).data).toEqual([]);
});

test("platform certificates roll over: listed, used, retired, never the signing one", async () => {
  const { data: next } = await post("wechatpay/certificates", { signs: false });
  const use = (serial: string) => post(`wechatpay/certificates/${serial}/use`);
  const retire = (serial: string) => call("DELETE", `wechatpay/certificates/${serial}`);
  const before = (await get("wechatpay/certificates")).data;
  const signing = before.find((each: { signs: boolean }) => each.signs);
  expect(next.signs).toBe(false);
  expect((await retire(signing.serial)).status).toBe(409);
  expect((await use(next.serial)).data).toMatchObject({ serial: next.serial, signs: true });
  expect((await retire(signing.serial)).status).toBe(200);
  expect((await get("wechatpay/certificates")).data).toMatchObject([{ serial: next.serial }]);
  expect((await use(signing.serial)).status).toBe(404);
});

test("the key of an app of Alipay is rolled over step by step", async () => {
  const { data: account } = await post("alipay/merchants");
  const step = (name: string) => post(`alipay/merchants/${account.sellerId}/keys${name}`);
  expect((await step("/use")).status).toBe(409);
  const { data: announced } = await step("");
  expect(announced.previousAlipayPublicKeyPem).toBe(account.alipayPublicKeyPem);
  expect((await step("/use")).data).toEqual(announced);
  const { alipayPublicKeyPem } = announced;
  expect((await step("/retire")).data).toEqual({ ...account, alipayPublicKeyPem });
  expect((await post("alipay/merchants/2088000000000000/keys")).status).toBe(404);
});

test("the clock is read, sped up and advanced", async () => {
  expect((await post("clock", { speed: 60 })).data).toMatchObject({ speed: 60 });
  expect((await post("clock/advance", { ms: 1_000 })).status).toBe(200);
  expect((await post("idle")).status).toBe(200);
  expect((await post("clock", { speed: 1 })).data).toMatchObject({ speed: 1, waitingCount: 0 });
  expect((await post("reset")).status).toBe(204);
});
