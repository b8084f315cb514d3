/**
 * The edge of payments between real callers and the simulated world: tenants with tokens, merchants
 * with accounts, payers, and a door through which every notice comes in over HTTP.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect } from "vitest";
import type { FaultKind, FaultParams, Operation } from "../../../../../simulator/index.ts";
import { createAlipay } from "../../../../channels/alipay/index.ts";
import { createWechatpay } from "../../../../channels/wechatpay/index.ts";
import { isRefusal } from "../../../../kernel/refusal.ts";
import { createTestHttp } from "../../../../kernel/testing/http.ts";
import { refusals } from "../../../../refusals.ts";
import type { Channel } from "../../../../testing/outside.ts";
import {
  channels,
  createAheadClock,
  newMerchant as newMerchantOutside,
  openOutside,
} from "../../../../testing/outside.ts";
import { issueTestToken } from "../../../../testing/tokens.ts";
import { paymentsRoutes } from "../routes.ts";
import { capturedAccount } from "../../domain/ledger-accounts.ts";
import type { AttemptId } from "../../domain/types.ts";
import { createPlatform } from "../../operations/testing/platform.ts";

const { clock, advance } = createAheadClock();
export { advance as advanceClock, channels };
const outside = await openOutside();
export const { control } = outside;
const { http, lines } = await createTestHttp({ refusals, clock, settings: { inFlightMax: 256 } });

interface Raw {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Every notice passes here on its way in, so that it can be sent again, altered or elsewhere. */
export const passed: Raw[] = [];
const door = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const raw = { path: request.url ?? "", headers, body: Buffer.concat(chunks) };
    passed.push(raw);
    void deliver(raw).then(({ status, type, text }) =>
      response.writeHead(status, { "content-type": type }).end(text),
    );
  });
});
await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
const publicUrl = `http://127.0.0.1:${(door.address() as AddressInfo).port}`;

const platform = await createPlatform({
  clock,
  // By our clock a notice gets old.
  channels: [createWechatpay({ clock }), createAlipay({ clock })],
  publicUrl,
});
const { database, identity, ledger } = platform;
export const { ids, payments, closePayment, requestRefund } = platform;
http.registerAuthentication(identity.authenticate);
paymentsRoutes(http.app, payments);
await http.app.ready();
afterAll(async () => {
  door.closeAllConnections();
  door.close();
  await outside.stop();
  await http.stop();
  await platform.stop();
});

/** Everything that ever left: no secret may stand in it. */
const answers: string[] = [];
const secretTexts: string[] = [];

export async function deliver({ path, headers, body }: Raw) {
  const reply = await http.app.inject({ method: "POST", url: path, headers, payload: body });
  answers.push(reply.body);
  const type = String(reply.headers["content-type"]);
  return { status: reply.statusCode, type, text: reply.body };
}

export async function newTenant() {
  const id = ids.next<"Tenant">();
  await identity.createTenant({ id, name: `Mall ${id}` });
  const issue = async (kind: "admin" | "service" | "member") =>
    (await issueTestToken(identity, { tenantId: id, kind, name: "m-1" })).token;
  const tokens = {
    admin: await issue("admin"),
    service: await issue("service"),
    member: await issue("member"),
  };
  return { id, tokens };
}

type Tenant = Awaited<ReturnType<typeof newTenant>>;

export async function call(
  tenant: Tenant,
  method: "GET" | "POST" | "PATCH",
  path: string,
  given: { as?: keyof Tenant["tokens"]; body?: object } = {},
) {
  const reply = await http.app.inject({
    method,
    url: path,
    headers: {
      authorization: `Bearer ${tenant.tokens[given.as ?? "admin"]}`,
      "idempotency-key": ids.next(),
    },
    ...(given.body === undefined ? {} : { payload: given.body }),
  });
  answers.push(reply.body);
  return { status: reply.statusCode, json: reply.json() };
}

/** A merchant of the simulated world, as staff writes its account down. */
export async function newMerchant(channel: Channel) {
  const merchant = await newMerchantOutside(outside, channel);
  const { config } = merchant;
  if ("apiV3Key" in config) {
    secretTexts.push(secretPart(config.merchantPrivateKeyPem), config.apiV3Key);
  } else {
    secretTexts.push(secretPart(config.appPrivateKeyPem));
  }
  return merchant;
}

/** A line out of the middle of a key: JSON and logs would break its lines in other ways. */
function secretPart(pem: string): string {
  return pem.split("\n")[5] ?? "";
}

export async function newAccount(tenant: Tenant, body: object): Promise<string> {
  const { status, json } = await call(tenant, "POST", "/v1/channel-accounts", { body });
  expect(status).toBe(201);
  return json.id;
}

export const merchants = {
  wechatpay: await newMerchant("wechatpay"),
  alipay: await newMerchant("alipay"),
};
export const tenant = await newTenant();
export const accounts = {
  wechatpay: await newAccount(tenant, merchants.wechatpay),
  alipay: await newAccount(tenant, merchants.alipay),
};

/** An attempt with the code that its payer may scan. */
export async function prepared(of: Tenant = tenant, channel: Channel = "wechatpay") {
  const outcome = await platform.openAttempt(of.id, { channel });
  if (outcome.kind !== "attempt") throw new Error(outcome.kind);
  const { payment, attempt } = outcome;
  const made = await payments.prepareAttempt(of.id, attempt.id);
  if (isRefusal(made)) throw new Error(JSON.stringify(made));
  const { instruction } = made;
  if (instruction?.kind !== "qr_code") throw new Error("a code to scan");
  return { payment, attempt, code: instruction.content };
}

export async function scan(code: string): Promise<void> {
  await fetch(code, { redirect: "manual" });
}

export async function opened(of: Tenant = tenant, channel: Channel = "wechatpay") {
  const { code, ...made } = await prepared(of, channel);
  await scan(code);
  return made;
}

export async function pay(number: string): Promise<void> {
  expect(control.pay(number)).toEqual({ result: "paid" });
  await control.idle();
}

/** Paid, and told: gives also the notices as they came in. */
export async function paid(of: Tenant = tenant, channel: Channel = "wechatpay") {
  const made = await opened(of, channel);
  const before = passed.length;
  await pay(made.attempt.number);
  const notices = passed.slice(before);
  const [notice] = notices;
  if (notice === undefined) throw new Error("no notice came");
  return { ...made, notice };
}

export function plan(kind: FaultKind, attemptNumber: string, params: FaultParams = {}): void {
  const operation: Operation = "payment_notice";
  const added = control.faults.add({ kind, match: { operation, attemptNumber }, params });
  if ("refused" in added) throw new Error(added.refused);
}

export async function stored(number: string, of: Tenant = tenant) {
  const { json } = await call(of, "GET", `/v1/notices?attemptNumber=${number}`);
  return json.items.toReversed();
}

export async function readPayment(id: string, of: Tenant = tenant) {
  const { json } = await call(of, "GET", `/v1/payments/${id}`);
  return json;
}

export async function captured(id: AttemptId): Promise<bigint | undefined> {
  const account = capturedAccount(id);
  return (await ledger.readBalances(tenant.id, [account])).get(account)?.posted;
}

export async function events(
  type: string,
  of: Tenant = tenant,
): Promise<Record<string, unknown>[]> {
  const rows = await database.read<{ data: Record<string, unknown> }>(
    of.id,
    {
      name: "test.events",
      text: "select data from kernel.events where tenant_id = $1 and type = $2 order by seq",
    },
    [of.id, type],
  );
  return rows.map(({ data }) => data);
}

/** The merchants' secrets that stand in an answer or in the log so far. */
export function leakedSecrets(): string[] {
  const everything = `${answers.join("\n")}\n${JSON.stringify(lines)}`;
  expect(secretTexts.length).toBeGreaterThan(3);
  expect(everything.length).toBeGreaterThan(5_000);
  return secretTexts.filter((text) => text.length < 20 || everything.includes(text));
}
