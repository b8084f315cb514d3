import type { Canary } from "./canary.ts";

const orders = "server/modules/orders";
const domain = `${orders}/domain.ts`;
const kernelFile = "server/kernel/planted.ts";

export const importCanaries: readonly Canary[] = [
  {
    rule: "storey",
    plant: "a call upwards",
    path: "server/modules/catalog/operations.ts",
    content: `import { placeOrder } from "../orders/index.ts";\nexport const again = placeOrder;\n`,
  },
  {
    rule: "storey",
    plant: "a call to a neighbour of the same storey",
    path: "server/modules/catalog/operations.ts",
    content: `import { join } from "../members/index.ts";\nexport const again = join;\n`,
  },
  {
    rule: "storey",
    plant: "a reaction that takes more than a type from above",
    path: "server/modules/payments/reactions.ts",
    content: `import { placeOrder } from "../orders/index.ts";\nexport const again = placeOrder;\n`,
  },
  {
    rule: "storey",
    plant: "the type of an event from above outside of reactions",
    path: "server/modules/payments/operations.ts",
    content: `import type { OrderPlaced } from "../orders/index.ts";\nexport type Seen = OrderPlaced;\n`,
  },
  {
    rule: "door",
    plant: "an import past the index of another module",
    path: `${orders}/operations.ts`,
    content: `import { hold } from "../ledger/operations.ts";\nexport const placeOrder = hold;\n`,
  },
  {
    rule: "door",
    plant: "a root file going past an index",
    path: "server/seed.ts",
    content: `import { hold } from "./modules/ledger/operations.ts";\nexport const seed = hold;\n`,
  },
  {
    rule: "door",
    plant: "a test going past the doors of another module",
    path: `${orders}/operations.test.ts`,
    content: `import { books } from "../payments/domain/testing/books.ts";\nexport const seen = books;\n`,
  },
  {
    rule: "wiring",
    plant: "an operation that imports the api of its module",
    path: `${orders}/reactions.ts`,
    content: `import { ordersApi } from "./api.ts";\nexport const again = ordersApi;\n`,
  },
  {
    rule: "wiring",
    plant: "main that wires a module by itself",
    path: "server/main.ts",
    content: `import { ordersApi } from "./modules/orders/api.ts";
export const program = { ordersApi };
`,
  },
  {
    rule: "wiring",
    plant: "another root file that imports reactions",
    path: "server/seed.ts",
    content: `import { onOrderPlaced } from "./modules/payments/reactions.ts";
export const seed = onOrderPlaced;
`,
  },
  ...(
    [
      ["the kernel knowing a module", kernelFile, "../modules/orders/index.ts"],
      ["the kernel knowing a root file", kernelFile, "../refusals.ts"],
      ["a module knowing the settings", `${orders}/operations.ts`, "../../settings.ts"],
      ["a module knowing a channel", `${orders}/operations.ts`, "../../channels/wechatpay.ts"],
      ["a channel knowing orders", "server/channels/alipay.ts", "../modules/orders/index.ts"],
      ["a channel knowing another", "server/channels/alipay.ts", "./wechatpay.ts"],
      ["a store standing on a test", `${orders}/store.ts`, "../../kernel/testing/database.ts"],
      ["settings knowing a module", "server/settings.ts", "./modules/orders/index.ts"],
      ["main knowing a channel", "server/main.ts", "./channels/wechatpay.ts"],
      ["the simulator knowing the server", "simulator/main.ts", "../server/kernel/time.ts"],
      ["the sdk knowing the server", "sdk/client.ts", "../server/refusals.ts"],
      ["an end-to-end test knowing the server", "e2e/order.test.ts", "../server/main.ts"],
      ["the bench knowing a module", "bench/bench.ts", "../server/modules/orders/index.ts"],
    ] as const
  ).map(([plant, path, target]): Canary => ({
    rule: "zone",
    plant,
    path,
    content: `import { thing } from "${target}";\nexport const placeOrder = thing;\nexport const loadOrders = thing;\n`,
  })),
  {
    rule: "cycle",
    plant: "a file that imports what imports it",
    path: "server/kernel/database.ts",
    content: `import type { readHeads } from "./events.ts";
export const statement = (name: string, text: string) => ({ name, text });
export type Heads = typeof readHeads;
`,
  },
];

export const roomCanaries: readonly Canary[] = [
  {
    rule: "module",
    plant: "a module without a storey",
    path: "server/modules/gifts/domain.ts",
    content: "export const gift = 1;\n",
  },
  {
    rule: "room",
    plant: "a seventh room",
    path: `${orders}/service.ts`,
    content: "export const service = 1;\n",
  },
  {
    rule: "room",
    plant: "a plug outside of payments",
    path: `${orders}/plug.ts`,
    content: "export const plug = 1;\n",
  },
  ...[
    "export const decide = async (): Promise<void> => {};",
    "export const decide = (): number => Math.random();",
    "export const decide = (): string => crypto.randomUUID();",
    "export const decide = (): unknown => process.env;",
    "export const decide = (): void => void setTimeout(String, 1);",
    `import { readFileSync } from "node:fs";\nexport const decide = readFileSync;`,
    `import { randomBytes } from "node:crypto";\nexport const decide = randomBytes;`,
    `import pg from "pg";\nexport const decide = pg;`,
    `import { statement } from "../../kernel/database.ts";\nexport const decide = statement;`,
    `import { hold } from "../ledger/index.ts";\nexport const decide = hold;`,
  ].map((content): Canary => ({
    rule: "pure-domain",
    plant: content.split("\n")[0] ?? "",
    path: domain,
    content: `${content}\nexport interface OrderPlaced {\n  id: string;\n}\n`,
  })),
  ...[
    "export const decide = (): number => Date.now();",
    "export const decide = (): Date => new Date();",
    "export const decide = (): string => Date();",
  ].map((content): Canary => ({
    rule: "one-clock",
    plant: content,
    path: domain,
    content: `${content}\nexport interface OrderPlaced {\n  id: string;\n}\n`,
  })),
  {
    rule: "one-clock",
    plant: "this machine's clock handed on",
    path: "server/main.ts",
    content: `import { systemClock } from "./kernel/time.ts";
import { modules } from "./wiring.ts";
export const program = { modules, clock: systemClock };
`,
  },
  {
    rule: "index-face",
    plant: "an index without its three lines",
    path: "server/modules/ledger/index.ts",
    content: `// Says who owns what.\nexport { canHold } from "./domain.ts";\n`,
  },
  {
    rule: "index-face",
    plant: "an index with code of its own",
    path: "server/modules/payments/index.ts",
    content: `// Takes money.
// Channels are plugged into it.
// Orders asks it for payments.
export const payments = 1;
`,
  },
  {
    rule: "kernel-words",
    plant: "a business word in the kernel",
    path: kernelFile,
    content: "export const refundMax = 3;\n",
  },
];
