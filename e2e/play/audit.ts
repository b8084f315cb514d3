/** What must hold after any play, each in a sentence, and whatever contradicts it. Pure. */
import type { Case, Facts, Order } from "./facts.ts";
import { currency, sum } from "./facts.ts";
import { stories } from "./stories.ts";
import type { StoryName } from "./stories.ts";

/** `sentence` is true when nothing contradicts it. */
export interface Finding {
  readonly sentence: string;
  readonly contradictions: readonly string[];
}

export interface Terms {
  /** The simulator pays and tells by itself in hostile weather; in calm weather members pay. */
  readonly storm: boolean;
}

export function audit(facts: Facts, terms: Terms): Finding[] {
  return [
    judgeStories(facts, terms),
    judgeStates(facts),
    judgeLedger(facts),
    ...judgeStocks(facts),
    ...judgeChannels(facts),
    judgeOrdersMoney(facts),
    judgeTakenOnce(facts),
    judgeBooked(facts),
    judgeRefundedOnce(facts),
    judgeUnfinished(facts),
  ];
}

export function isSound(findings: readonly Finding[]): boolean {
  return findings.every(({ contradictions }) => contradictions.length === 0);
}

// Stories

/** Attempts that the outside says were paid, though no member has paid them. */
function paidByWeather({ books }: Facts, { chapter, attempts }: Case): string[] {
  const paid = new Set(
    books
      .flatMap(({ trades }) => trades)
      .filter(({ paidMinor }) => paidMinor > 0)
      .map(({ attemptNumber }) => attemptNumber),
  );
  return attempts
    .map(({ number }) => number)
    .filter((number) => paid.has(number) && !chapter.paid.has(number));
}

function judgeStories(facts: Facts, { storm }: Terms): Finding {
  const counts = new Map<string, number>();
  const contradictions: string[] = [];
  let moved = 0;
  for (const one of facts.cases) {
    const { chapter } = one;
    const { words } = stories[chapter.story as StoryName];
    counts.set(words, (counts.get(words) ?? 0) + 1);
    const byWeather = paidByWeather(facts, one);
    if (byWeather.length > 0 && !storm) {
      contradictions.push(`${byWeather.join(", ")} was paid, but not by ${chapter.memberId}`);
    }
    if (chapter.failure !== undefined) {
      contradictions.push(`${chapter.memberId} (${words}) broke off: ${chapter.failure}`);
    } else if (byWeather.length > 0 && storm) {
      moved += 1;
    } else {
      contradictions.push(...judgeEnding(one));
    }
  }
  const told = [...counts].map(([words, count]) => `${count} ${words}`).join(", ");
  const weather = moved === 0 ? "" : ` (${moved} took another turn: the weather paid)`;
  return {
    sentence: `${facts.cases.length} members, each story ended as it must: ${told}${weather}`,
    contradictions,
  };
}

function judgeEnding({ chapter, orders }: Case): string[] {
  const { ending, memberId } = chapter;
  const [order] = orders;
  if (ending === undefined || order === undefined) return [];
  const { state, refundedMinor } = ending;
  const isSo = order.state === state && order.refunded.amount === refundedMinor;
  if (isSo) return [];
  const is = `${order.state}, ${order.refunded.amount} given back`;
  return [
    `the order ${order.number} of ${memberId} is ${is}; it must be ${state}, ${refundedMinor}`,
  ];
}

// Orders and units

const sold: ReadonlySet<string> = new Set(["paid", "completed", "refunded"]);
const holding: ReadonlySet<string> = new Set(["pending_payment", "paying", "closing"]);

function judgeStates({ orders }: Facts): Finding {
  const counts = Map.groupBy(orders, ({ state }) => state);
  const told = [...counts].map(([state, found]) => `${found.length} ${state}`).toSorted();
  const numbers = orders.map(({ number }) => number);
  const contradictions = numbers
    .filter((number, at) => numbers.indexOf(number) !== at)
    .map((number) => `the number ${number} was given out twice`);
  return { sentence: `${orders.length} orders: ${told.join(", ")}`, contradictions };
}

function judgeStocks({ stocks, orders, orderRefunds }: Facts): Finding[] {
  const units = { sold: new Map<string, number>(), held: new Map<string, number>() };
  const add = (to: Map<string, number>, skuId: string, quantity: number) =>
    to.set(skuId, (to.get(skuId) ?? 0) + quantity);
  for (const order of orders) {
    for (const { line, skuId, quantity } of order.lines) {
      // What a sale's order holds was set aside for the sale, and is not held on the shelf.
      if (holding.has(order.state) && order.saleId === undefined) add(units.held, skuId, quantity);
      if (!sold.has(order.state)) continue;
      const back = (orderRefunds.get(order.id) ?? [])
        .filter(({ state, restock }) => state === "refunded" && restock)
        .flatMap(({ lines }) => lines)
        .filter((given) => given.line === line);
      add(units.sold, skuId, quantity - sum(back.map((given) => given.quantity)));
    }
  }
  return stocks.map(({ title, skuId, stock }) => {
    const { sold: gone, held, available, setAside, writtenOff, putIn } = stock;
    const shelf = `${gone} sold + ${held} held + ${available} left + ${writtenOff} written off`;
    const parts = setAside === 0 ? shelf : `${shelf} + ${setAside} set aside`;
    const ofOrders = { sold: units.sold.get(skuId) ?? 0, held: units.held.get(skuId) ?? 0 };
    const contradictions: string[] = [];
    const total = gone + held + available + setAside + writtenOff;
    if (total !== putIn) contradictions.push(`${title}: ${parts} is ${total}, not ${putIn}`);
    if (ofOrders.sold !== gone) {
      contradictions.push(
        `${title}: paid orders have ${ofOrders.sold}, ${gone} are booked as sold`,
      );
    }
    if (ofOrders.held !== held) {
      contradictions.push(`${title}: open orders have ${ofOrders.held}, ${held} are held`);
    }
    if (available < 0) contradictions.push(`${title}: oversold by ${-available}`);
    return { sentence: `${title}: ${parts} = ${putIn} put in`, contradictions };
  });
}

// The ledger

function judgeLedger({ ledger, trialBalance }: Facts): Finding {
  const contradictions = [
    ...ledger.unbalancedAssets.map(({ asset, posted }) => `${asset} does not balance: ${posted}`),
    ...ledger.differences.map(({ accountId, code }) => {
      return `the account ${code ?? accountId} holds another sum than its transfers`;
    }),
    ...ledger.wrongEndings.map(({ bundleId, held, resolved }) => {
      return `the bundle ${bundleId} has held ${held} and resolved ${resolved}`;
    }),
    ...trialBalance
      .filter(({ posted, pendingDebits, pendingCredits }) => {
        return posted !== 0 || pendingDebits !== pendingCredits;
      })
      .map(({ asset, posted }) => `the trial balance of ${asset} is ${posted}, not 0`),
  ];
  if (!ledger.sound && contradictions.length === 0) contradictions.push("it says so without why");
  const what = `${ledger.transfers} transfers on ${ledger.accounts} accounts`;
  return {
    sentence: `the ledger balances in each of ${trialBalance.length} assets: ${what} added up anew`,
    contradictions,
  };
}

// Money

/** What the outside took and gave back, against the ledger's account at that channel. */
function judgeChannels({ channels, books }: Facts): Finding[] {
  const byMerchant = Map.groupBy(channels, (one) => `${one.channel} ${one.merchantId}`);
  return [...byMerchant].map(([merchant, ours]) => {
    const book = books.find((one) => `${one.channel} ${one.merchantId}` === merchant);
    const outside = book?.totals ?? { paidMinor: 0, refundedMinor: 0, refundingMinor: 0 };
    const inMinor = sum(ours.map((one) => one.inMinor));
    const outMinor = sum(ours.map((one) => one.outMinor));
    const contradictions = [
      ...differ(`${merchant}: paid`, { outside: outside.paidMinor, ledger: inMinor }),
      ...differ(`${merchant}: given back`, { outside: outside.refundedMinor, ledger: outMinor }),
      ...differ(`${merchant}: on its way back`, { outside: outside.refundingMinor, ledger: 0 }),
    ];
    const took = `took ${yuan(outside.paidMinor)} and gave back ${yuan(outside.refundedMinor)}`;
    return { sentence: `${merchant} ${took}; the ledger says the same`, contradictions };
  });
}

/** All of the outside's money is that of orders, or came twice and went back. */
function judgeOrdersMoney({ orders, orderRefunds, refunds, books, channels }: Facts): Finding {
  const merchants = new Set(channels.map((one) => `${one.channel} ${one.merchantId}`));
  const ours = books.filter((one) => merchants.has(`${one.channel} ${one.merchantId}`));
  const outside = {
    paid: sum(ours.map(({ totals }) => totals.paidMinor)),
    back: sum(ours.map(({ totals }) => totals.refundedMinor)),
  };
  const paid = sum(orders.filter(({ state }) => sold.has(state)).map(({ total }) => total.amount));
  const late = sum(orders.filter((order) => isLate(order, orderRefunds)).map(totalOf));
  const surplus = refunds.filter(({ cause, state }) => cause === "surplus" && state === "refunded");
  const twice = sum(surplus.map(({ amount }) => amount.amount));
  const back = sum(orders.map(({ refunded }) => refunded.amount));
  return {
    sentence:
      `orders were paid ${yuan(paid)}, ${yuan(late)} came too late and ${yuan(twice)} twice; ` +
      `${yuan(back)} went back for orders: together what the outside took and gave back`,
    contradictions: [
      ...differ("paid for orders, late and twice", {
        outside: outside.paid,
        orders: paid + late + twice,
      }),
      ...differ("given back for orders and surplus", {
        outside: outside.back,
        orders: back + twice,
      }),
    ],
  };
}

/** Closed, and its money came after that: it goes back by itself. */
function isLate(order: Order, refunds: Facts["orderRefunds"]): boolean {
  return order.state === "closed" && (refunds.get(order.id) ?? []).length > 0;
}

function totalOf({ total }: Order): number {
  return total.amount;
}

// Once, and only once

/** What was acknowledged is there once, and nothing else is. */
function judgeTakenOnce({ cases }: Facts): Finding {
  const contradictions: string[] = [];
  let acknowledged = 0;
  for (const { chapter, again, orders } of cases) {
    const { order, memberId } = chapter;
    if (order !== undefined) acknowledged += 1;
    if (again !== order?.id) {
      contradictions.push(`the key ${order?.key} gives the order ${again}, not ${order?.id}`);
    }
    const found = orders.map(({ id }) => id);
    if (order !== undefined && !found.includes(order.id)) {
      contradictions.push(`the order ${order.id} of ${memberId} was acknowledged and is lost`);
    }
    const others = found.filter((id) => id !== order?.id);
    // A story that broke off may have placed an order without learning of it, under its key.
    const allowed = order === undefined && chapter.failure !== undefined ? 1 : 0;
    if (others.length > allowed) {
      contradictions.push(`${memberId} has ${others.length} orders under no key of its own`);
    }
  }
  return {
    sentence: `${acknowledged} acknowledged orders are there exactly once, each under its key`,
    contradictions,
  };
}

/** Every payment that the outside took is booked once, and nothing that it did not take. */
function judgeBooked({ cases, books }: Facts): Finding {
  const trades = new Map(
    books.flatMap((book) => book.trades).map((trade) => [trade.attemptNumber, trade]),
  );
  const contradictions: string[] = [];
  let booked = 0;
  for (const { chapter, attempts } of cases) {
    const known = new Set(attempts.map(({ number }) => number));
    for (const { number } of chapter.attempts) {
      if (!known.has(number))
        contradictions.push(`the attempt ${number} was given out and is lost`);
    }
    for (const number of chapter.paid) {
      if ((trades.get(number)?.paidMinor ?? 0) === 0) {
        contradictions.push(`${chapter.memberId} has paid ${number}, the outside knows nothing`);
      }
    }
    for (const { number, state, captures, givenBackMinor } of attempts) {
      const trade = trades.get(number);
      const takenMinor = trade?.paidMinor ?? 0;
      const wanted = takenMinor === 0 ? [] : [takenMinor];
      booked += wanted.length;
      if (captures.join() !== wanted.join()) {
        const is = captures.length === 0 ? "never" : captures.join(" and ");
        contradictions.push(`the outside took ${takenMinor} for ${number}, booked is ${is}`);
      }
      if ((state === "paid") !== takenMinor > 0) {
        contradictions.push(`the attempt ${number} is ${state}, the outside took ${takenMinor}`);
      }
      const refundedMinor = trade?.refundedMinor ?? 0;
      contradictions.push(
        ...differ(`given back of ${number}`, { outside: refundedMinor, ledger: givenBackMinor }),
      );
    }
  }
  return {
    sentence: `${booked} payments that the outside took are booked exactly once`,
    contradictions,
  };
}

function judgeRefundedOnce({ cases, books }: Facts): Finding {
  const done = Map.groupBy(
    books.flatMap(({ trades }) => trades).flatMap(({ refunds }) => refunds),
    ({ refundNumber }) => refundNumber,
  );
  const contradictions: string[] = [];
  let acknowledged = 0;
  for (const { chapter, refunds, paymentRefunds } of cases) {
    acknowledged += chapter.refunds.length;
    const asked = refunds.filter(({ requestedBy }) => requestedBy !== "payments");
    for (const { id, amountMinor } of chapter.refunds) {
      const found = asked.find((refund) => refund.id === id);
      if (found?.amount.amount === amountMinor) continue;
      contradictions.push(`the refund ${id} of ${amountMinor} was acknowledged and is lost`);
    }
    if (asked.length > chapter.refunds.length && chapter.failure === undefined) {
      contradictions.push(`${chapter.memberId} has refunds that nobody asked for`);
    }
    for (const { number, state, amount } of paymentRefunds) {
      const outside = (done.get(number) ?? []).filter((refund) => refund.state === "success");
      const wanted = state === "refunded" ? [amount.amount] : [];
      const is = outside.map(({ amountMinor }) => amountMinor);
      if (is.join() === wanted.join()) continue;
      contradictions.push(`the refund ${number} is ${state}, the outside gave back ${is.join()}`);
    }
  }
  return {
    sentence: `${acknowledged} acknowledged refunds were done exactly once`,
    contradictions,
  };
}

function judgeUnfinished({ unfinished }: Facts): Finding {
  return {
    sentence: "nothing of it is unfinished: no order, payment, refund or event waits for anything",
    contradictions: unfinished,
  };
}

// Words

function differ(what: string, sides: Readonly<Record<string, number>>): string[] {
  const said = Object.entries(sides);
  if (new Set(said.map(([, minor]) => minor)).size === 1) return [];
  return [`${what}: ${said.map(([who, minor]) => `${who} says ${yuan(minor)}`).join(", ")}`];
}

export function yuan(minor: number): string {
  const [whole = "0", cents = "00"] = (minor / 100).toFixed(2).split(".");
  return `${whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",")}.${cents} ${currency}`;
}

/** Contradictions are many when one thing went wrong often; these tell what it is. */
const shownMax = 10;

/** Lines for a person: each sentence, and under it what contradicts it. */
export function wordFindings(findings: readonly Finding[]): string[] {
  const lines = findings.flatMap(({ sentence, contradictions }) => {
    if (contradictions.length === 0) return [`  ok        ${sentence}`];
    const more = contradictions.length - shownMax;
    return [
      `  VIOLATED  ${sentence}`,
      ...contradictions.slice(0, shownMax).map((text) => `              ${text}`),
      ...(more > 0 ? [`              and ${more} more of this kind`] : []),
    ];
  });
  const violated = findings.filter(({ contradictions }) => contradictions.length > 0).length;
  const verdict =
    violated === 0
      ? `The audit holds: ${findings.length} of ${findings.length} sentences are true.`
      : `The audit FAILS: ${violated} of ${findings.length} sentences are not true.`;
  return [...lines, "", verdict];
}
