/** What must still come to an end before there is anything to audit. */
import type { Tongbao } from "../../sdk/index.ts";
import type { Witness } from "./facts.ts";
import { all, currency, sum } from "./facts.ts";
import { pause } from "./member.ts";

const pages = { query: { limit: 100 } };
const orderStates = ["pending_payment", "paying", "closing"] as const;
const paymentStates = ["open", "closing"] as const;
const refundStates = ["requested", "processing", "abnormal"] as const;

/** Ids of what is unfinished: somebody else may be using the shop as well. */
export async function openIds(tongbao: Tongbao): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const state of orderStates) {
    const params = { query: { ...pages.query, state } };
    for (const { id, number } of await all(tongbao.list("/v1/orders", { params }))) {
      found.set(id, `the order ${number} is ${state}`);
    }
  }
  for (const state of paymentStates) {
    const params = { query: { ...pages.query, state } };
    for (const { id, reference } of await all(tongbao.list("/v1/payments", { params }))) {
      found.set(id, `the payment of the order ${reference} is ${state}`);
    }
  }
  for (const state of refundStates) {
    const params = { query: { ...pages.query, state } };
    for (const { id, number } of await all(tongbao.list("/v1/refunds", { params }))) {
      found.set(id, `the refund ${number} is ${state}`);
    }
  }
  return found;
}

/** What is unfinished now, in words, but for what was so before the play. */
export async function readUnfinished(
  witness: Witness,
  before: ReadonlyMap<string, string>,
): Promise<string[]> {
  const { tongbao } = witness;
  const open = await openIds(tongbao);
  const found = [...open].filter(([id]) => !before.has(id)).map(([, words]) => words);
  found.push(...(await onTheWay(witness)));
  const query = { resolved: false };
  for (const event of await all(tongbao.list("/v1/parked-events", { params: { query } }))) {
    found.push(`the event ${event.seq} (${event.type}) is parked: ${event.error}`);
  }
  if (before.size === 0) found.push(...(await readGauges(witness.baseUrl)));
  return found;
}

/** Money that the outside has moved and the ledger does not know yet: a notice is on its way. */
async function onTheWay({ tongbao, outside }: Witness): Promise<string[]> {
  const books = await outside.books();
  const accounts = await all(tongbao.list("/v1/channel-accounts", { params: pages }));
  const query = { prefix: "channel.", asset: currency, limit: 100 };
  const ledger = await all(tongbao.list("/v1/ledger/accounts", { params: { query } }));
  return books.flatMap(({ channel, merchantId, totals }) => {
    const ours = accounts.filter((one) => one.channel === channel && one.merchantId === merchantId);
    if (ours.length === 0) return [];
    const codes = new Set(ours.map(({ id }) => `channel.${id}`));
    const held = -sum(
      ledger.filter(({ code }) => codes.has(code)).map(({ balance }) => balance.posted),
    );
    const outsideHolds = totals.paidMinor - totals.refundedMinor;
    if (held === outsideHolds && totals.refundingMinor === 0) return [];
    const words = `${channel} holds ${outsideHolds} for ${merchantId}, the ledger says ${held}`;
    return [`money is on its way: ${words} (in minor units)`];
  });
}

/** Machines whose states are waited for; other states may rest for days. */
const watched: ReadonlySet<string> = new Set([
  ...orderStates.map((state) => `order/${state}`),
  ...paymentStates.map((state) => `payment/${state}`),
  ...["preparing", "awaiting", "closing"].map((state) => `payment_attempt/${state}`),
  ...refundStates.map((state) => `refund/${state}`),
]);
const gauge = /^tongbao_(oldest_unfinished_seconds|events_parked|event_lag)\{([^}]*)\} (\S+)$/gm;

/** What /metrics says, which is measured by other statements than those of the lists. */
async function readGauges(baseUrl: string): Promise<string[]> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return [...text.matchAll(gauge)].flatMap(([, name = "", labels = "", value = ""]) => {
    if (Number(value) === 0) return [];
    const label = (of: string) => new RegExp(`${of}="([^"]*)"`).exec(labels)?.[1] ?? "";
    if (name === "oldest_unfinished_seconds") {
      const state = `${label("machine")}/${label("state")}`;
      if (!watched.has(state)) return [];
      return [`/metrics: something has been in ${state} for ${Math.round(Number(value))} s`];
    }
    const what = name === "event_lag" ? "events wait for" : "events are parked for";
    return [`/metrics: ${value} ${what} ${label("subscription")}`];
  });
}

const lookEveryMs = 1_000;

/** Waits until nothing is unfinished; gives what is left when time is over. Throws when stopped. */
export async function settle(
  witness: Witness,
  before: ReadonlyMap<string, string>,
  given: {
    readonly waitMs: number;
    readonly stopped: AbortSignal;
    readonly tell: (left: number) => void;
  },
): Promise<string[]> {
  const endsAt = performance.now() + given.waitMs;
  for (;;) {
    given.stopped.throwIfAborted();
    const left = await readUnfinished(witness, before);
    if (left.length === 0 || performance.now() > endsAt) return left;
    given.tell(left.length);
    await pause(lookEveryMs);
  }
}
