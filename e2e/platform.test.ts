/**
 * The platform as its users meet it: started as `npm start` does, spoken to over HTTP with the
 * tokens of demo.json, looked at in a browser. The demo plays on it meanwhile, so that its minute
 * of waiting for unpaid orders passes only once.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Page } from "playwright-core";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Schema } from "../sdk/index.ts";
import type { Platform } from "./platform.ts";
import { ownPlace, startPlatform } from "./platform.ts";
import { createStage, withShortClose } from "./play/stage.ts";
import { readUnfinished } from "./play/unfinished.ts";

type Order = Schema<"Order">;
type Sale = Schema<"Sale">;

const root = resolve(import.meta.dirname, "..");
const browserPath = [process.env["CHROMIUM_PATH"] ?? "", "/usr/bin/chromium"].find(existsSync);
if (browserPath === undefined) {
  process.stderr.write("no Chromium: pages are not looked at; set CHROMIUM_PATH to one\n");
}
/** A closing sweep runs twice a second; the rest is for a busy machine. */
const closeMsMax = 2_000;

const home = mkdtempSync(join(tmpdir(), "tongbao-e2e-"));
// Only its owner may enter what mkdtemp makes, and as root PostgreSQL runs as somebody else.
chmodSync(home, 0o755);
const screenshots = process.env["SCREENSHOTS"] ?? join(home, "screenshots");
let platform: Platform | undefined;
let unpaid: Order | undefined;
let demo: ReturnType<typeof startDemo> | undefined;

beforeAll(async () => {
  platform = await startPlatform({ home, environment: await ownPlace() });
});

afterAll(async () => {
  const code = await platform?.stop();
  rmSync(home, { recursive: true, force: true });
  if (code !== 0) throw new Error(`the platform ended with ${code}:\n${platform?.said()}`);
});

function running(): Platform {
  if (platform === undefined) throw new Error("the platform runs");
  return platform;
}

interface Opened {
  readonly instruction: { readonly kind: string; readonly content: string };
}
interface History {
  readonly items: readonly { readonly at: string; readonly to: string }[];
}

let keys = 0;

/** As `curl` does it: a URL, a token, or whose token of demo.json, a body. */
async function curl<Body>(token: string, path: string, body?: object) {
  const { baseUrl } = running().demo;
  const tokens: Readonly<Record<string, string>> = running().demo.tokens;
  const response = await fetch(baseUrl + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${tokens[token] ?? token}`,
      "content-type": "application/json",
      "idempotency-key": `e2e-${(keys += 1)}`,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

function skuId(): string {
  const [product] = running().demo.products;
  return product?.skuIds[0] ?? "";
}

async function place(): Promise<Order> {
  const lines = [{ skuId: skuId(), quantity: 1 }];
  const { status, body } = await curl<Order>("member", "/v1/orders", { lines });
  expect(status).toBe(201);
  return body;
}

async function openCode(order: Order, channel: string): Promise<string> {
  const path = `/v1/orders/${order.id}/payments`;
  const { status, body } = await curl<Opened>("member", path, { channel, method: "native" });
  expect([status, body.instruction.kind]).toEqual([201, "qr_code"]);
  return body.instruction.content;
}

/** Notices take some hundred milliseconds. */
async function expectState(order: Order, state: string): Promise<void> {
  const read = async () => (await curl<Order>("member", `/v1/orders/${order.id}`)).body.state;
  await expect.poll(read, { timeout: 20_000, interval: 100 }).toBe(state);
}

function startDemo() {
  const args = [join(root, "tools/demo.ts"), "--members", "40"];
  const child = spawn(process.execPath, args, {
    env: { ...process.env, TONGBAO_HOME: home },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
  return { exit: once(child, "close").then(([code]) => code as number), output: () => output };
}

test("what is unfinished is seen by lists and metrics alike", async () => {
  const stage = createStage(running().demo);
  // What it begins with was just written, and is still being heard of.
  const left = () => readUnfinished(stage.witness, new Map());
  await expect.poll(left, { timeout: 10_000, interval: 100 }).toEqual([]);
  unpaid = await withShortClose(stage, "e2e", place);
  const { number } = unpaid;
  const see = async () => (await left()).join("\n");
  await expect.poll(see, { timeout: 10_000, interval: 500 }).toContain("/metrics");
  expect(await see()).toContain(`the order ${number} is pending_payment`);
  expect(await see()).toContain("/metrics: something has been in order/pending_payment for");
  demo = startDemo();
});

/** A shell in a folder where the documents' paths and programs lead to this platform. */
function openShell() {
  const folder = mkdtempSync(join(home, "shell-"));
  symlinkSync(home, join(folder, ".tongbao"));
  for (const name of ["package.json", "tools"]) symlinkSync(join(root, name), join(folder, name));
  const path = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
  const environment = { ...process.env, PATH: path, TONGBAO_HOME: home, DATABASE_URL: "" };
  const shell = spawn("bash", [], { cwd: folder, env: environment });
  let output = "";
  shell.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  shell.stderr.setEncoding("utf8").on("data", (text: string) => (output += text));
  return {
    /** Gives what the commands print. */
    async type(commands: string): Promise<string> {
      output = "";
      shell.stdin.write(`${commands}\necho; echo "(done)"\n`);
      await expect.poll(() => output, { timeout: 20_000, interval: 20 }).toContain("(done)\n");
      return output.replace("(done)\n", "").trim();
    },
    end: () => shell.stdin.end(),
  };
}

/** What a document has people type, block by block; those in lists stand further in. */
function shellBlocks(text: string): string[] {
  return [...text.matchAll(/^ *```sh\n([\s\S]*?)```/gm)].map(([, commands = ""]) => commands);
}

const [, lookAround = ""] = readFileSync(join(root, "README.md"), "utf8").split("## Look around");
const readme = shellBlocks(lookAround.split("## Demo")[0] ?? "");
const flashSales = shellBlocks(readFileSync(join(root, "docs/operating/flash-sales.md"), "utf8"));

test("what the README has people type does what it says", async () => {
  const [functions = "", placing = "", paying = "", ...rest] = readme;
  const shell = openShell();
  await shell.type(functions);
  await shell.type(placing);
  const id = await shell.type("echo $order");
  const order = (await curl<Order>("member", `/v1/orders/${id}`)).body;
  expect(order).toMatchObject({ state: "pending_payment", memberId: "demo-member" });

  const code = await shell.type(paying);
  await fetch(code, { method: "POST", body: new URLSearchParams({ action: "pay" }) });
  await expectState(order, "paid");

  const told = await shell.type(rest.join("\n"));
  shell.end();
  for (const step of ['"to":"paying"', '"to":"paid"', "changed my mind", "payment captured"]) {
    expect(told).toContain(step);
  }
  expect(told.match(/"balanced":true/g)?.length).toBeGreaterThan(1);
  expect(told).not.toMatch(/"balanced":false|"code":"(?!\w+\.)/);
  const isBack = async () => {
    const { body } = await curl<Order>("member", `/v1/orders/${id}`);
    return body.refunded.amount;
  };
  await expect.poll(isBack, { timeout: 20_000 }).toBe(order.total.amount / 2);
});

test("what staff are told of flash sales does what it says", async () => {
  const [functions = ""] = readme;
  const [drafting = "", scheduling = "", taking = "", another = "", ...rest] = flashSales;
  const [raising = "", ending = "", ...untested] = rest;
  expect(untested).toEqual([]);
  const shell = openShell();
  const answer = async (commands: string): Promise<unknown> =>
    JSON.parse(await shell.type(commands));
  await shell.type(functions);
  expect(await shell.type(drafting)).toBe("");
  const id = await shell.type("echo $sale");
  const read = async () => (await curl<Sale>("service", `/v1/sales/${id}`)).body;
  const price = { amount: 1_900, currency: "CNY" };
  const drafted = { state: "draft", waitingRoom: true, limitPerMember: 1 };
  expect(await read()).toMatchObject({ ...drafted, items: [{ price, allotment: 100, left: 0 }] });

  expect(await answer(scheduling)).toMatchObject({ id, state: "scheduled" });
  expect(await read()).toMatchObject({ state: "scheduled", items: [{ left: 100 }] });

  const waiting = { state: "waiting", saleId: id };
  expect(await answer(taking)).toMatchObject({ ...waiting, memberId: "demo-member" });
  // Whose it is and what it may do goes to the person, apart from the token.
  const theirs = await shell.type(`{ ${another} } 2>/dev/null`);
  const taken = await curl(theirs, `/v1/sales/${id}/tickets`, {});
  expect(taken.body).toMatchObject({ ...waiting, memberId: "m-1" });

  expect(await answer(raising)).toMatchObject({ allotment: 150, left: 150 });
  expect(await read()).toMatchObject({ state: "scheduled", items: [{ left: 150 }] });

  expect(await answer(ending)).toMatchObject({ id, state: "ended" });
  expect(await read()).toMatchObject({ state: "ended", items: [{ left: 0 }] });
  shell.end();
});

test("nobody is served without a token, or with one that was made up", async () => {
  const { baseUrl } = running().demo;
  const without = await fetch(`${baseUrl}/v1/orders`);
  expect([without.status, await without.json()]).toMatchObject([401, { code: "not_signed_in" }]);
  const headers = { authorization: "Bearer made-up" };
  expect((await fetch(`${baseUrl}/v1/orders`, { headers })).status).toBe(401);
});

async function browse(work: (page: Page) => Promise<void>): Promise<void> {
  mkdirSync(screenshots, { recursive: true });
  // Chromium has no sandbox for root.
  const browser = await chromium.launch({
    executablePath: browserPath ?? "",
    args: ["--no-sandbox"],
  });
  try {
    await work(await browser.newPage({ viewport: { width: 480, height: 800 } }));
  } finally {
    await browser.close();
  }
}

test.skipIf(browserPath === undefined)(
  "a person opens the pay page, presses Pay, and the order is paid",
  async () => {
    const order = await place();
    const code = await openCode(order, "wechatpay");
    await browse(async (page) => {
      await page.goto(code);
      await page.screenshot({ path: join(screenshots, "pay-page.png") });
      const yuan = (order.total.amount / 100).toFixed(2);
      expect(await page.locator("main").innerText()).toContain(yuan);
      await page.getByRole("button", { name: "Pay", exact: false }).first().click();
      await page.getByText("支付成功").waitFor();
      await page.screenshot({ path: join(screenshots, "paid-page.png") });
    });
    await expectState(order, "paid");
  },
);

test.skipIf(browserPath === undefined)("a person reads the documents of the API", async () => {
  await browse(async (page) => {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(`${running().demo.baseUrl}/docs`);
    await page.getByText("Place an order; its units are held").waitFor();
    await page.screenshot({ path: join(screenshots, "docs.png") });
    expect(await page.getByText("/v1/orders/{orderId}/payments").count()).toBeGreaterThan(0);
  });
});

test("an unpaid order closes by itself within two seconds of its time", async () => {
  const { id, closesAt } = unpaid ?? { id: "", closesAt: "" };
  const read = async () => (await curl<Order>("member", `/v1/orders/${id}`)).body.state;
  await expect.poll(read, { timeout: 55_000, interval: 500 }).not.toBe("pending_payment");
  const { body: history } = await curl<History>("member", `/v1/orders/${id}/history`);
  const last = history.items.at(-1);
  expect(last?.to).toBe("closed");
  const lateMs = Date.parse(last?.at ?? "") - Date.parse(closesAt);
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThanOrEqual(closeMsMax);
}, 70_000);

test("the demo plays on the running platform, and its audit holds", async () => {
  const code = await demo?.exit;
  const output = demo?.output() ?? "";
  expect(output).toMatch(/The audit holds: (\d+) of \1 sentences are true\.\n$/);
  expect(output).toContain("40 members, each story ended as it must: ");
  expect(output).not.toContain("starting one for the demo");
  expect(code).toBe(0);
}, 120_000);
