import { describe, expect, test } from "vitest";
import {
  accounts,
  call,
  ids,
  leakedSecrets,
  merchants,
  newAccount,
  newMerchant,
  newTenant,
  opened,
  paid,
  stored,
  tenant,
} from "./testing/edge.ts";

describe("reading", () => {
  test("lists are paged, newest first, and filtered", async () => {
    const own = await newTenant();
    await newAccount(own, merchants.wechatpay);
    const made = [await opened(own), await opened(own), await paid(own)];
    const first = await call(own, "GET", "/v1/payments?limit=2");
    const next = await call(own, "GET", `/v1/payments?limit=2&cursor=${first.json.nextCursor}`);
    const listed = [...first.json.items, ...next.json.items];
    expect(listed.map(({ id }) => id)).toEqual(made.map(({ payment }) => payment.id).toReversed());
    expect(next.json.nextCursor).toBeUndefined();
    const { reference } = made[0]?.payment ?? {};
    const found = await call(own, "GET", `/v1/payments?reference=${reference}`);
    expect(found.json.items).toMatchObject([{ reference }]);
    const open = await call(own, "GET", "/v1/payments?state=open");
    expect(open.json.items).toHaveLength(2);
    const refunds = await call(own, "GET", `/v1/refunds?reference=${reference}&state=refunded`);
    expect(refunds.json).toEqual({ items: [] });
  });

  test("refuses a state that there is not, and names the others", async () => {
    const { status, json } = await call(tenant, "GET", "/v1/refunds?state=lost");
    expect([status, json.code]).toEqual([400, "invalid_request"]);
    expect(json.errors[0]).toMatchObject({
      field: "state",
      allowed: expect.stringContaining("abnormal"),
    });
  });

  test("nothing of another tenant is found", async () => {
    const { payment, attempt } = await paid();
    const elsewhere = await newTenant();
    const [kept] = await stored(attempt.number);
    for (const path of [
      `/v1/payments/${payment.id}`,
      `/v1/payments/${payment.id}/trade-log`,
      `/v1/payment-attempts/${attempt.id}/trade-log`,
      `/v1/refunds/${payment.id}`,
      `/v1/notices/${kept.id}`,
      `/v1/channel-accounts/${accounts.wechatpay}`,
    ]) {
      const { status, json } = await call(elsewhere, "GET", path);
      expect([path, status, json.code]).toEqual([path, 404, "not_found"]);
    }
    for (const path of ["payments", "refunds", "notices", "channel-accounts"]) {
      expect((await call(elsewhere, "GET", `/v1/${path}`)).json).toEqual({ items: [] });
    }
  });

  test("a member reads its orders, not payments", async () => {
    const { payment, attempt } = await paid();
    for (const path of [
      "payments",
      `payments/${payment.id}`,
      `payments/${payment.id}/trade-log`,
      `payment-attempts/${attempt.id}/trade-log`,
      "refunds",
      `refunds/${ids.next()}`,
    ]) {
      const { status, json } = await call(tenant, "GET", `/v1/${path}`, { as: "member" });
      expect([path, status, json.code]).toEqual([path, 403, "members_read_orders"]);
    }
    for (const path of ["notices", "channel-accounts"]) {
      const { status, json } = await call(tenant, "GET", `/v1/${path}`, { as: "member" });
      expect([path, status, json.code]).toEqual([path, 403, "not_allowed"]);
    }
  });
});

describe("accounts at channels", () => {
  test("staff opens, reads, renames and closes one; services only read", async () => {
    const own = await newTenant();
    const body = await newMerchant("wechatpay");
    const asService = await call(own, "POST", "/v1/channel-accounts", { as: "service", body });
    expect([asService.status, asService.json.code]).toEqual([403, "not_allowed"]);
    const id = await newAccount(own, body);
    const { config: _config, ...shown } = body;
    const account = { ...shown, id, active: true };
    const listed = await call(own, "GET", "/v1/channel-accounts?channel=wechatpay", {
      as: "service",
    });
    expect(listed.json.items).toMatchObject([account]);
    const path = `/v1/channel-accounts/${id}`;
    const changed = await call(own, "PATCH", path, { body: { label: "old", active: false } });
    expect([changed.status, changed.json]).toMatchObject([200, { label: "old", active: false }]);
    const read = await call(own, "GET", path);
    expect(read.json).toMatchObject({
      ...account,
      label: "old",
      active: false,
      config: { apiV3Key: "(set)", merchantPrivateKeyPem: "(set)", mode: "(set)" },
    });
    const again = await call(own, "POST", "/v1/channel-accounts", { body });
    expect([again.status, again.json.code]).toEqual([409, "channel_account_exists"]);
  });

  test("a configuration that is too large is not looked at", async () => {
    const own = await newTenant();
    const merchant = await newMerchant("alipay");
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`k${at}`, 1]));
    const body = { ...merchant, config: many };
    const opening = await call(own, "POST", "/v1/channel-accounts", { body });
    const id = await newAccount(own, merchant);
    const path = `/v1/channel-accounts/${id}`;
    const changing = await call(own, "PATCH", path, { body: { config: many } });
    const tooLarge = { status: 413, code: "body_too_large", facts: { limit: 65_536 } };
    expect([opening.json, changing.json]).toMatchObject([tooLarge, tooLarge]);
  });

  test("a configuration that the channel cannot use is refused with the field", async () => {
    const own = await newTenant();
    const merchant = await newMerchant("alipay");
    const body = { ...merchant, config: { ...merchant.config, alipayPublicKeyPem: "none" } };
    const { status, json } = await call(own, "POST", "/v1/channel-accounts", { body });
    expect([status, json.code]).toEqual([400, "invalid_request"]);
    expect(json.errors).toMatchObject([
      { field: "config.alipayPublicKeyPem", allowed: "an RSA public key" },
    ]);
  });
});

test("no secret of any merchant stands in an answer or in the log", () => {
  expect(leakedSecrets()).toEqual([]);
});
