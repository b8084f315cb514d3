/** Where all parts of a bench work: one database, the programs, one shop, the world outside. */
import pg from "pg";
import type { Simulator } from "../simulator/index.ts";
import { createSimulator } from "../simulator/index.ts";
import type { Acknowledged } from "./books.ts";
import { checkBooks } from "./books.ts";
import type { Round, Way } from "./figures.ts";
import type { Counts, Generator } from "./load/load.ts";
import { runLoad } from "./load/load.ts";
import type { Shop } from "./shop.ts";
import { auditLedger, fillShop, openSales, saleIdsOf } from "./shop.ts";
import type { Program } from "./stage.ts";
import { startEcho, startEdge, startPlatform } from "./stage.ts";
import { BenchError, settle, startWatch } from "./watch.ts";

export interface Given {
  readonly generator: Generator;
  /** Folder for logs and for what the platform keeps. */
  readonly home: string;
  readonly databaseUrl: string;
  /** Its processor time is told when it is known. */
  readonly postgresPid: number | undefined;
  readonly manySkus: number;
  readonly say: (line: string) => void;
}

export interface Site extends Given {
  readonly client: pg.Client;
  readonly shop: Shop;
  readonly platform: Program;
  readonly edge: Program;
  readonly echo: Program;
  readonly simulator: Simulator;
  /** What was answered 201 so far, by who placed it. */
  readonly acknowledged: Map<string, { created: number; sent: number }>;
  /** No two loads have the same. */
  nextRun(name: string): string;
  close(): Promise<void>;
}

/** As the names of who placed them: the books are checked way by way. */
export const placedBy = {
  naive: "service:naive",
  tuned: "service:tuned",
  platform: "service:demo",
  // The same token, in a sale.
  sale: "service:demo",
} as const satisfies Partial<Record<Way, string>>;

export async function openSite(given: Given): Promise<Site> {
  const { home, databaseUrl, say } = given;
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on("error", () => undefined);
  await client.connect();
  const simulator = await createSimulator();
  const started: Program[] = [];
  const close = async (): Promise<void> => {
    for (const program of started.splice(0).toReversed()) await program.stop();
    await simulator.close();
    await client.end();
  };
  try {
    const simulatorUrl = await simulator.listen();
    const platform = await startPlatform({ home, databaseUrl, simulatorUrl });
    started.push(platform);
    const echo = await startEcho(home);
    started.push(echo);
    const edge = await startEdge({ home, databaseUrl });
    started.push(edge);
    say(`filling the shelves: ${given.manySkus} SKUs`);
    const shop = await openSales(
      await fillShop({ address: platform.address, home, skus: given.manySkus }),
    );
    await client.query("analyze");
    let runs = 0;
    const nextRun = (name: string) => `${name}-${(runs += 1)}`;
    const acknowledged = new Map<string, { created: number; sent: number }>();
    const opened = { client, shop, platform, edge, echo, simulator };
    return { ...given, ...opened, acknowledged, nextRun, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface Wanted {
  readonly way: Way;
  readonly program: Program;
  readonly skuIds: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

/** One way under load; anything but 201 ends the bench. */
export async function measureOrders(site: Site, wanted: Wanted): Promise<Round> {
  const { way, program, ...load } = wanted;
  const subject = way === "echo" || way === "edge" ? undefined : placedBy[way];
  const isStored = subject !== undefined;
  const used = await startWatch({
    client: site.client,
    program,
    isStored,
    postgresPid: site.postgresPid,
    operation: program === site.platform ? "orders.place_order" : undefined,
  });
  const counts = await runLoad(
    site.generator,
    {
      ...load,
      ...(way === "sale" ? { saleIds: saleIdsOf(site.shop, load.skuIds) } : {}),
      address: program.address,
      token: site.shop.token,
      run: site.nextRun(way),
    },
    site.home,
  );
  const round = {
    perSecond: counts.counted / counts.seconds,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    ...(await used(counts.created)),
  };
  assertAllTaken(site, way, counts);
  if (subject !== undefined) {
    note(site, subject, counts);
    await settle(site.client);
  }
  return round;
}

export function note(site: Site, subject: string, counts: Pick<Counts, "created" | "sent">): void {
  const sum = site.acknowledged.get(subject) ?? { created: 0, sent: 0 };
  site.acknowledged.set(subject, {
    created: sum.created + counts.created,
    sent: sum.sent + counts.sent,
  });
}

export function assertAllTaken(site: Site, what: string, counts: Counts): void {
  const other = counts.answered - counts.created;
  if (other === 0 && counts.broken === 0 && counts.created > 0) return;
  throw new BenchError(
    `${what}: of ${counts.answered} answers ${other} were refusals, ` +
      `and ${counts.broken} connections broke; the logs are in ${site.home}`,
  );
}

/** Every acknowledged order is there, with all that belongs to it; gives how many that are. */
export async function proveOrders(site: Site): Promise<number> {
  site.say("proving that every acknowledged order is there");
  const acknowledged: Acknowledged[] = [...site.acknowledged].map(([subject, counts]) => ({
    placedBy: subject,
    ...counts,
  }));
  const findings = await checkBooks(site.client, site.shop.tenantId, acknowledged);
  await proveLedger(site, findings);
  return acknowledged.reduce((sum, { created }) => sum + created, 0);
}

/** Throws what was found before, and what an audit of the whole ledger finds. */
export async function proveLedger(site: Site, findings: readonly string[]): Promise<void> {
  const audit = await auditLedger(site.shop);
  const unsound = audit.sound ? [] : [`the ledger is not sound: ${JSON.stringify(audit)}`];
  const all = [...findings, ...unsound];
  if (all.length > 0) throw new BenchError(all.join("\n"));
}

/** Unpaid orders to work on: places what is missing, as fast as the platform takes them. */
export async function ensureUnpaidOrders(site: Site, wanted: number): Promise<void> {
  for (;;) {
    const { rows } = await site.client.query<{ count: number }>(
      `select count(*)::integer as count from orders.orders
       where tenant_id = $1 and state = 'pending_payment' and placed_by = $2`,
      [site.shop.tenantId, placedBy.platform],
    );
    if ((rows[0]?.count ?? 0) >= wanted) return;
    const { skuIds } = site.shop;
    const load = { way: "platform", program: site.platform, skuIds, connections: 128 } as const;
    await measureOrders(site, { ...load, seconds: 1 });
  }
}

export interface DatabaseDescription {
  readonly durability: Readonly<Record<string, string>>;
  readonly postgres: string;
}

export async function describeDatabase(client: pg.Client): Promise<DatabaseDescription> {
  const settings = ["fsync", "synchronous_commit", "full_page_writes"];
  const { rows } = await client.query<{ name: string; setting: string }>(
    "select name, setting from pg_settings where name = any($1)",
    [[...settings, "server_version"]],
  );
  const byName = new Map(rows.map(({ name, setting }) => [name, setting]));
  return {
    durability: Object.fromEntries(settings.map((name) => [name, byName.get(name) ?? ""])),
    postgres: byName.get("server_version") ?? "",
  };
}
