import { OverloadFault } from "../../../kernel/database.ts";
import type { CacheFigures } from "../../../kernel/metrics.ts";
import type { Answer } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import type { Clock } from "../../../kernel/time.ts";
import { refusalKnown } from "../domain/known-sale.ts";
import type { WantedInSale, WantedOrder } from "../domain/types.ts";
import { createRememberedSales, noteAsked } from "./remembered-sales.ts";
import type { SaleReads } from "./sale-polls.ts";
import { createSalePolls } from "./sale-polls.ts";

/** How soon a process knows of units that came back, and of orders that others have placed. */
export const refusalPollMs = 250;

/** Has the command decided: through the queue, in a batch. */
type Decide = () => Promise<Answer | Refusal>;

/**
 * Most of those who come to a flash sale come too late, and some too early. Once a decision has
 * said so, this process gives that answer from memory: the decision itself is asked, on what a
 * poll has read a moment ago, so that code and facts are the same, and who wants one unit is not
 * refused because somebody wanted five. Such a command never waits with those that may succeed. A
 * poll reads the goods that ran out and are still asked for: a sale may have a thousand others.
 *
 * An answer from memory must not tell a member whose order is placed that there was none: a
 * repeated Idempotency-Key gets its first answer. So members who may have an order in the sale, or
 * have one under way here, go the whole way. (Within the age of a poll, only units that came back
 * and were sold again elsewhere are not known.)
 */
export function createRefusalMemory(deps: { readonly clock: Clock; readonly reads: SaleReads }) {
  const { clock, reads } = deps;
  const sales = createRememberedSales(reads);
  const polls = createSalePolls(deps);
  /** Commands of a member in a sale that are under way: as many as the edge lets in. */
  const underWay = new Map<string, number>();
  const counts = { hits: 0, misses: 0 };

  /** In a few microseconds, for all that come too late or too early. */
  function refuseFromMemory(tenantId: string, wanted: WantedInSale): Refusal | undefined {
    const sale = sales.find(tenantId, wanted.saleId);
    if (sale === undefined) return undefined;
    const now = clock.now();
    noteAsked(sale, wanted, now);
    const { known, buyers } = sale;
    const isUnknown =
      known === undefined ||
      buyers.mayHave(wanted.memberId) ||
      underWay.has(underWayKey(tenantId, wanted));
    const refusal = isUnknown ? undefined : refusalKnown(known, wanted, now);
    if (refusal === undefined) counts.misses += 1;
    else counts.hits += 1;
    return refusal;
  }

  async function decideAndLearn(tenantId: string, wanted: WantedInSale, decide: Decide) {
    const key = underWayKey(tenantId, wanted);
    underWay.set(key, (underWay.get(key) ?? 0) + 1);
    try {
      const result = await decide();
      if (isRefusal(result)) learnRefusal(tenantId, wanted, result);
      else addBuyer(tenantId, wanted);
      return result;
    } catch (error) {
      // Whether it was committed is unknown, unless it never was in the queue.
      if (!(error instanceof OverloadFault)) addBuyer(tenantId, wanted);
      throw error;
    } finally {
      const others = (underWay.get(key) ?? 0) - 1;
      if (others > 0) underWay.set(key, others);
      else underWay.delete(key);
    }
  }

  function learnRefusal(tenantId: string, wanted: WantedInSale, refusal: Refusal): void {
    if (!comesInThousands(refusal)) return;
    const now = clock.now();
    const sale = sales.remember(tenantId, wanted.saleId, now);
    if (sale !== undefined && refusal.code === "sold_out") sales.pollGoods(sale, wanted, now);
  }

  function addBuyer(tenantId: string, { saleId, memberId }: WantedInSale): void {
    sales.find(tenantId, saleId)?.buyers.add(memberId);
  }

  return {
    /**
     * Refuses from memory, or has the command decided and learns from what comes back. Orders of
     * no sale are always decided: who has ordered a SKU is not known as easily.
     */
    place(tenantId: string, wanted: WantedOrder, decide: Decide): Promise<Answer | Refusal> {
      if (!isInSale(wanted)) return decide();
      const refusal = refuseFromMemory(tenantId, wanted);
      return refusal === undefined
        ? decideAndLearn(tenantId, wanted, decide)
        : Promise.resolve(refusal);
    },

    /** The beat of a pulse, every `refusalPollMs`. Reads nothing while nothing is remembered. */
    async poll(): Promise<void> {
      sales.forgetUnasked(clock.now());
      const tenants = [...sales.byTenant()].map(([tenantId, all]) => polls.poll(tenantId, all));
      // All of them have ended before the next beat, also when one has failed.
      await Promise.allSettled(tenants);
      await Promise.all(tenants);
    },

    name: "orders.refusals",
    /** Sales that are remembered; of their orders, those refused from memory and the others. */
    figures: (): CacheFigures => ({ entries: sales.count(), ...counts, joined: 0 }),
  };
}

function isInSale(wanted: WantedOrder): wanted is WantedInSale {
  return wanted.saleId !== undefined;
}

/** Too late, or too early. */
function comesInThousands({ code, facts }: Refusal): boolean {
  return code === "sold_out" || (code === "sale_not_open" && facts["state"] === "scheduled");
}

function underWayKey(tenantId: string, { saleId, memberId }: WantedInSale): string {
  return `${tenantId} ${saleId} ${memberId}`;
}
