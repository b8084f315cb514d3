/** Notices of payments in: verified, booked and acknowledged, then the orders behind them paid. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Round } from "../figures.ts";
import { median, medianRound } from "../figures.ts";
import { runGenerator } from "../load/load.ts";
import { listText } from "../load/requests.ts";
import { findChannelAccounts } from "../shop.ts";
import type { Site } from "../site.ts";
import { assertAllTaken, ensureUnpaidOrders, proveLedger } from "../site.ts";
import { settle, startWatch, until } from "../watch.ts";
import { findNoticeFaults } from "./books.ts";
import type { OpenAttempt } from "./prepare.ts";
import { openAttempts } from "./prepare.ts";
import type { SignNotice } from "./sign.ts";
import { createSigner } from "./sign.ts";

export interface NoticeRound extends Round {
  /** From the first notice until the last order was paid: what the whole way brings a second. */
  readonly ordersPaidPerSecond: number;
}

export interface NoticeCell {
  readonly connections: number;
  /** In each round. */
  readonly notices: number;
  readonly figures: NoticeRound;
  readonly rounds: readonly NoticeRound[];
}

export interface NoticesGiven {
  readonly connections: readonly number[];
  readonly rounds: number;
  readonly notices: number;
}

/** Half of them are WeChat Pay's and half Alipay's. Ends with a proof of the books. */
export async function measureNotices(site: Site, given: NoticesGiven): Promise<NoticeCell[]> {
  const sign = await createSigner(site.simulator);
  const all: OpenAttempt[] = [];
  const measure = async (connections: number, notices: number): Promise<NoticeRound> => {
    const { round, attempts } = await takeNotices(site, sign, { connections, notices });
    all.push(...attempts);
    return round;
  };
  const cells: NoticeCell[] = [];
  // The first ones open accounts and compile code.
  await measure(Math.min(...given.connections), Math.ceil(given.notices / 4));
  for (const connections of given.connections) {
    const rounds: NoticeRound[] = [];
    for (let round = 1; round <= given.rounds; round += 1) {
      const measured = await measure(connections, given.notices);
      const { perSecond, ordersPaidPerSecond } = measured;
      site.say(
        `${connections} connections, round ${round}: ${Math.round(perSecond)} notices/s, ` +
          `${Math.round(ordersPaidPerSecond)} orders paid a second`,
      );
      rounds.push(measured);
    }
    const ordersPaidPerSecond = median(rounds.map((round) => round.ordersPaidPerSecond));
    const figures = { ...medianRound(rounds), ordersPaidPerSecond };
    cells.push({ connections, notices: given.notices, figures, rounds });
  }
  site.say("proving that every notice was booked once");
  await proveLedger(site, await findNoticeFaults(site.client, site.shop.tenantId, all));
  return cells;
}

async function takeNotices(
  site: Site,
  sign: SignNotice,
  { connections, notices }: { readonly connections: number; readonly notices: number },
): Promise<{ round: NoticeRound; attempts: OpenAttempt[] }> {
  const { client, platform, shop, home } = site;
  await ensureUnpaidOrders(site, notices);
  const accounts = await findChannelAccounts(shop);
  const attempts = await openAttempts(client, shop.tenantId, { accounts, count: notices });
  const run = site.nextRun("notices");
  const requestsPath = join(home, `${run}.requests`);
  // WeChat Pay's are good for five minutes from here.
  await writeFile(requestsPath, listText(attempts.map((each) => sign(each, platform.address))));
  await settle(client);
  const { address } = platform;
  const used = await startWatch({
    client,
    program: platform,
    isStored: true,
    postgresPid: site.postgresPid,
    operation: "payments.take_notice",
  });
  const startedAt = performance.now();
  const load = { address, token: "", skuIds: [], run, connections, requestsPath };
  const counts = await runGenerator(load, home);
  const startUpMs = performance.now() - startedAt - counts.seconds * 1000;
  assertAllTaken(site, "notices", counts);
  await until("orders whose payment was acknowledged are not paid", async () => {
    const { rows } = await client.query<{ left: boolean }>(
      `select exists (select from orders.orders
        where tenant_id = $1 and id = any($2::uuid[]) and state = 'paying') as left`,
      [shop.tenantId, attempts.map(({ orderId }) => orderId)],
    );
    return rows[0]?.left === false;
  });
  const seconds = (performance.now() - startedAt - startUpMs) / 1000;
  const round = {
    perSecond: counts.counted / counts.seconds,
    p50Ms: counts.p50Ms,
    p99Ms: counts.p99Ms,
    ...(await used(counts.created)),
    ordersPaidPerSecond: attempts.length / seconds,
  };
  await settle(client);
  return { round, attempts };
}
