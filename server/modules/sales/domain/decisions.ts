/** Pure: refusals stand in the order of precedence, then what must succeed. */
import { assert, required } from "../../../kernel/assert.ts";
import { derivedId } from "../../../kernel/ids.ts";
import { assertMove } from "../../../kernel/machine.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { formatInstant, minuteMs } from "../../../kernel/time.ts";
import { refuse } from "../../../refusals.ts";
import type { SkuId } from "../../catalog/index.ts";
import { stockAccounts } from "../../catalog/index.ts";
import type { Leg } from "../../ledger/index.ts";
import { available, firstShortLeg, move, openAccount } from "../../ledger/index.ts";
import { saleAccount, saleAccountSpec } from "./allotments.ts";
import { saleStateAt } from "./hours.ts";
import type { SaleState } from "./machine.ts";
import { saleMachine } from "./machine.ts";
import type {
  ChangeSale,
  CreateSale,
  RaiseAllotment,
  RaiseOutcome,
  ReturnUnits,
  Sale,
  SaleChange,
  SaleId,
  SaleOutcome,
  SalesWorld,
  SaleTerms,
  SaleTold,
  UnitsTold,
} from "./types.ts";

/** The anniversary sale of a mall: its units are set aside in one transaction, of some 0.1 s. */
export const saleItemsMax = 1_000;
/** Whoever says "now" says it a moment ago; what lies further back is a slip of the pen. */
const openingPastMaxMs = 10 * minuteMs;

/**
 * Refusals: sale_closes_too_early, sale_time_over, ticket_rules_without_waiting_room,
 * too_many_sale_items, sku_twice_in_sale, sku_not_found, currencies_mixed.
 */
export function decideCreateSale(
  world: SalesWorld,
  { saleId, terms, by }: CreateSale,
  now: number,
): SaleOutcome | Refusal {
  assert(!world.sales.has(saleId), "a sale's id is new");
  const wrong = checkTerms(world, terms, now);
  if (wrong !== undefined) return wrong;

  const sale: Sale = {
    id: saleId,
    state: "draft",
    ...termsOf(terms),
    madeBy: by,
    createdAt: now,
    changedAt: now,
    scheduledAt: undefined,
    endedAt: undefined,
  };
  world.sales.set(saleId, sale);
  world.written.newSales.set(saleId, sale);
  world.written.events.push({ type: "sale_created", data: told(sale) });
  return { kind: "sale", isNew: true, sale };
}

/**
 * Only a draft is changed: what was scheduled has been promised. Refusals: not_found,
 * sale_not_draft, and those of `decideCreateSale`.
 */
export function decideChangeSale(
  world: SalesWorld,
  { saleId, change }: ChangeSale,
  now: number,
): SaleOutcome | Refusal {
  const before = world.sales.get(saleId);
  if (before === undefined) return noSale;
  if (before.state !== "draft") return refuse("sale_not_draft", { state: before.state });
  const terms = changedTerms(before, change);
  const wrong = checkTerms(world, terms, now);
  if (wrong !== undefined) return wrong;

  const sale: Sale = { ...before, ...termsOf(terms), changedAt: now };
  replaceSale(world, sale);
  if (change.items !== undefined) world.written.changedItems.add(saleId);
  world.written.events.push({ type: "sale_changed", data: told(sale) });
  return { kind: "sale", isNew: false, sale };
}

/**
 * Sets the units of all items aside, or of none. Refusals: not_found, sale_not_draft,
 * sale_closes_too_early, sale_time_over, stock_too_low.
 */
export function decideScheduleSale(
  world: SalesWorld,
  saleId: SaleId,
  now: number,
): SaleOutcome | Refusal {
  const before = world.sales.get(saleId);
  if (before === undefined) return noSale;
  if (before.state !== "draft") return refuse("sale_not_draft", { state: before.state });
  const wrong = checkTimes(before, now);
  if (wrong !== undefined) return wrong;
  const items = [...before.items.values()];
  const legs = items.map(({ skuId, allotment }): Leg => {
    const { onHand: debit } = stockAccounts(skuId);
    return { debit, credit: saleAccount(saleId, skuId), amount: allotment };
  });
  const short = firstShortLeg(world.ledger, legs);
  if (short !== undefined) {
    const { skuId, allotment: wanted } = required(items[short], "the short item");
    return refuseTooLow(world, { skuId, wanted });
  }

  for (const { skuId } of items) openAccount(world.ledger, saleAccountSpec(saleId, skuId));
  const id = derivedId(`${saleId} scheduled`);
  move(world.ledger, { id, legs, reference: saleId, reason: "set aside for a sale" });
  const sale = moveSale(world, before, "scheduled", { scheduledAt: now, changedAt: now });
  world.written.events.push({ type: "sale_scheduled", data: told(sale) });
  return { kind: "sale", isNew: false, sale };
}

/**
 * More units for one of the goods, from the shelf: until the sale is over, by the clock.
 * Refusals: not_found, sale_not_running, sku_not_in_sale, stock_too_low.
 */
export function decideRaiseAllotment(
  world: SalesWorld,
  { saleId, skuId, quantity, bundleId }: RaiseAllotment,
  now: number,
): RaiseOutcome | Refusal {
  assert(quantity > 0n, "the route takes one unit at least");
  const sale = world.sales.get(saleId);
  if (sale === undefined) return noSale;
  const state = saleStateAt(sale, now);
  if (state === "draft" || state === "ended") return refuse("sale_not_running", { state });
  const before = sale.items.get(skuId);
  if (before === undefined) return refuse("sku_not_in_sale", { saleId, skuId });
  const account = saleAccount(saleId, skuId);
  const legs = [{ debit: stockAccounts(skuId).onHand, credit: account, amount: quantity }];
  if (firstShortLeg(world.ledger, legs) !== undefined) {
    return refuseTooLow(world, { skuId, wanted: quantity });
  }

  const reason = "set aside for a sale that runs";
  move(world.ledger, { id: bundleId, legs, reference: saleId, reason });
  const item = { ...before, allotment: before.allotment + quantity };
  replaceSale(world, { ...sale, items: new Map(sale.items).set(skuId, item), changedAt: now });
  world.written.raisedItems.set(`${saleId} ${skuId}`, { saleId, item });
  const allotment = Number(item.allotment);
  const data = { saleId, skuId, quantity: Number(quantity), allotment };
  world.written.events.push({ type: "sale_allotment_raised", data });
  return { kind: "raised", item, left: available(world.ledger, account) };
}

/** What has ended stays so. Units that orders hold stay with them. Refusals: not_found. */
export function decideEndSale(
  world: SalesWorld,
  saleId: SaleId,
  now: number,
): SaleOutcome | Refusal {
  const before = world.sales.get(saleId);
  if (before === undefined) return noSale;
  if (before.state === "ended") return { kind: "sale", isNew: false, sale: before };
  return { kind: "sale", isNew: false, sale: endSale(world, before, now) };
}

/** Checks the state first: a sale that somebody has ended meanwhile is left alone. */
export function decideOpenDueSale(world: SalesWorld, saleId: SaleId, now: number): void {
  const before = required(world.sales.get(saleId), "a due sale");
  if (before.state !== "scheduled" || now < before.opensAt) return;
  const sale = moveSale(world, before, "open", { changedAt: now });
  world.written.events.push({ type: "sale_opened", data: told(sale) });
}

/** The same for its end, which moves what is left of its units back to the shelf. */
export function decideEndDueSale(world: SalesWorld, saleId: SaleId, now: number): void {
  const sale = required(world.sales.get(saleId), "a due sale");
  if (sale.state === "draft" || sale.state === "ended" || now < sale.closesAt) return;
  endSale(world, sale, now);
}

/** Units of the loaded items that came back after the end; before it they are on sale again. */
export function decideReturnUnits(world: SalesWorld, command: ReturnUnits): void {
  const { saleId, bundleId } = command;
  const sale = world.sales.get(saleId);
  if (sale?.state !== "ended") return;
  const reason = "came back after the sale";
  const units = moveBack(world, sale, { bundleId, reason });
  if (units.length === 0) return;
  world.written.events.push({ type: "sale_units_returned", data: { saleId, units } });
}

const noSale = refuse("not_found", { what: "sale" });

function endSale(world: SalesWorld, before: Sale, now: number): Sale {
  const bundleId = derivedId(`${before.id} ended`);
  const units = moveBack(world, before, { bundleId, reason: "left of a sale" });
  const sale = moveSale(world, before, "ended", { endedAt: now, changedAt: now });
  world.written.events.push({ type: "sale_ended", data: { ...told(sale), units } });
  return sale;
}

/** Puts what is available of the allotments back on the shelf. */
function moveBack(
  world: SalesWorld,
  { id: saleId, items, scheduledAt }: Sale,
  { bundleId, reason }: { readonly bundleId: string; readonly reason: string },
): UnitsTold[] {
  // Nothing was ever set aside for what was not scheduled.
  if (scheduledAt === undefined) return [];
  const back = [...items.keys()]
    .map((skuId) => ({ skuId, units: available(world.ledger, saleAccount(saleId, skuId)) }))
    .filter(({ units }) => units > 0n);
  if (back.length === 0) return [];
  const legs = back.map(({ skuId, units }) => {
    const { onHand: credit } = stockAccounts(skuId);
    return { debit: saleAccount(saleId, skuId), credit, amount: units };
  });
  move(world.ledger, { id: bundleId, legs, reference: saleId, reason });
  return back.map(({ skuId, units }) => ({ skuId, quantity: Number(units) }));
}

function checkTerms(world: SalesWorld, terms: SaleTerms, now: number): Refusal | undefined {
  const wrongTimes = checkTimes(terms, now);
  if (wrongTimes !== undefined) return wrongTimes;
  if (terms.ticketRules !== undefined && !terms.waitingRoom)
    return refuse("ticket_rules_without_waiting_room");
  if (terms.items.length > saleItemsMax) {
    return refuse("too_many_sale_items", { max: saleItemsMax });
  }
  const seen = new Set<SkuId>();
  const currency = terms.items[0]?.currency;
  for (const item of terms.items) {
    const { skuId } = item;
    if (seen.has(skuId)) return refuse("sku_twice_in_sale", { skuId });
    seen.add(skuId);
    if (!world.skus.has(skuId)) return refuse("sku_not_found", { skuId });
    if (currency !== undefined && item.currency !== currency) {
      return refuse("currencies_mixed", { skuId, currency: item.currency, other: currency });
    }
  }
  return undefined;
}

function checkTimes(
  { opensAt, closesAt }: Pick<SaleTerms, "opensAt" | "closesAt">,
  now: number,
): Refusal | undefined {
  const facts = { opensAt: formatInstant(opensAt), closesAt: formatInstant(closesAt) };
  if (closesAt <= opensAt) return refuse("sale_closes_too_early", facts);
  if (closesAt <= now || opensAt < now - openingPastMaxMs) {
    return refuse("sale_time_over", { ...facts, now: formatInstant(now) });
  }
  return undefined;
}

function refuseTooLow(
  { ledger }: SalesWorld,
  { skuId, wanted }: { readonly skuId: SkuId; readonly wanted: bigint },
): Refusal {
  const { onHand } = stockAccounts(skuId);
  const account = required(ledger.accounts.get(onHand), `the shelf of ${skuId}`);
  const facts = { available: available(ledger, onHand), held: account.pendingDebits };
  return refuse("stock_too_low", { skuId, ...facts, wanted });
}

function changedTerms(before: Sale, change: SaleChange): SaleTerms {
  const { limitPerMember = before.limitPerMember, ticketRules = before.ticketRules } = change;
  return {
    title: change.title ?? before.title,
    opensAt: change.opensAt ?? before.opensAt,
    closesAt: change.closesAt ?? before.closesAt,
    limitPerMember: limitPerMember ?? undefined,
    waitingRoom: change.waitingRoom ?? before.waitingRoom,
    ticketRules: ticketRules ?? undefined,
    items: change.items ?? [...before.items.values()],
  };
}

function termsOf({ items, ...terms }: SaleTerms) {
  return { ...terms, items: new Map(items.map((item) => [item.skuId, item])) };
}

function moveSale(
  world: SalesWorld,
  before: Sale,
  to: SaleState,
  change: Partial<Pick<Sale, "changedAt" | "scheduledAt" | "endedAt">>,
): Sale {
  assertMove(saleMachine, before.state, to);
  const sale = { ...before, ...change, state: to };
  replaceSale(world, sale);
  return sale;
}

function replaceSale(world: SalesWorld, sale: Sale): void {
  world.sales.set(sale.id, sale);
  world.written.changedSales.set(sale.id, sale);
}

function told({ id: saleId, title, opensAt, closesAt }: Sale): SaleTold {
  return {
    saleId,
    title,
    opensAt: formatInstant(opensAt),
    closesAt: formatInstant(closesAt),
  };
}
