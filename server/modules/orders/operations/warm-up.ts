import { createHash } from "node:crypto";
import type { Committers } from "../../../kernel/batch.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { KeyedOperation } from "../../../kernel/operation.ts";
import type { Identity } from "../../identity/index.ts";
import type { Sale, SaleId, Sales } from "../../sales/index.ts";
import type { PlaceOutcome } from "../domain/placing.ts";
import type { OrdersWorld, PlaceOrder } from "../domain/types.ts";
import type { Terms } from "./terms.ts";

/**
 * Makes this process ready for the sales that open soon, so that the first order of a rush takes
 * no longer than the others: the sales and their units come into memory and are kept fresh, so do
 * the tenant's settings and the keys that verify tokens; and what placing an order loads is loaded
 * once on the hot connections, which prepares their statements and brings rows into the
 * database's buffers. Nobody names these sales: the time of their opening does.
 */
export function createWarmUp(deps: {
  readonly committers: Committers;
  readonly ids: Ids;
  readonly identity: Pick<Identity, "publishedKeys">;
  readonly sales: Pick<Sales, "readOpeningSales" | "readSales">;
  readonly terms: Terms;
  readonly placeOrder: KeyedOperation<PlaceOrder, OrdersWorld, PlaceOutcome>;
}) {
  const { committers, ids, identity, sales, terms, placeOrder } = deps;
  // Two of them at once take both hot connections, where there are two.
  const warming = ["orders.warm_up_first", "orders.warm_up_second"].map(
    (name): KeyedOperation<PlaceOrder, OrdersWorld, PlaceOutcome> => ({
      ...placeOrder,
      name,
      // Never an order: also not when the sale has opened meanwhile. A refusal is not kept either.
      decide: (_world, { saleId }) => ({
        kind: "refused",
        code: "sale_not_open",
        facts: { saleId: saleId ?? "" },
      }),
    }),
  );

  async function warm(tenantId: string, sale: Sale): Promise<void> {
    const orderId = ids.next<"Order">();
    const command: PlaceOrder = {
      orderId,
      number: orderId,
      memberId: orderId,
      saleId: sale.id,
      pass: undefined,
      lines: [...sale.items.keys()].map((skuId) => ({ skuId, quantity: 1 })),
      placedBy: "orders",
      closeAfterMs: await terms.closeAfterMs(tenantId),
      completeAfterMs: await terms.completeAfterMs(tenantId),
    };
    const bodyHash = createHash("sha256").update(orderId).digest();
    await Promise.all(
      warming.map((operation, at) =>
        committers.runKeyed(operation, tenantId, { key: `${orderId} ${at}`, bodyHash }, command),
      ),
    );
  }

  return {
    /** The beat of a pulse; gives the sales that it was about. */
    async warmUp(): Promise<SaleId[]> {
      const opening = await sales.readOpeningSales();
      if (opening.length === 0) return [];
      await identity.publishedKeys();
      const byTenant = Map.groupBy(opening, ({ tenantId }) => tenantId);
      for (const [tenantId, all] of byTenant) {
        const saleIds = all.map(({ saleId }) => saleId);
        const found = await sales.readSales(tenantId, saleIds);
        for (const { sale } of found) await warm(tenantId, sale);
      }
      return opening.map(({ saleId }) => saleId);
    },
  };
}
