/** The shop of the tests with a sale in it: its units were set aside from the shelf. */
import { required } from "../../../../kernel/assert.ts";
import { hourMs } from "../../../../kernel/time.ts";
import type { Sku, SkuId } from "../../../catalog/index.ts";
import type { Sale, SaleId } from "../../../sales/index.ts";
import { saleAccount } from "../../../sales/index.ts";
import type { SaleTerms } from "../../../sales/domain/testing/door.ts";
import {
  decideCreateSale,
  decideEndDueSale,
  decideEndSale,
  decideOpenDueSale,
  decideReturnUnits,
  decideScheduleSale,
} from "../../../sales/domain/testing/door.ts";
import type { Order } from "../types.ts";
import { countBought, salesWorldOf } from "./sales.ts";
import type { WantedLines } from "./shop.ts";
import { createShop, gift, idOf, mug, startedAt, tea } from "./shop.ts";

export const saleId = idOf<"Sale">(500);
export const opensAt = startedAt + hourMs;
export const closesAt = opensAt + hourMs;
export const saleItem = { currency: "CNY", limitPerMember: undefined } as const;
/** Of 20 mugs and 20 teas on the shelf, 12 and 6 are the sale's. */
const saleTerms: SaleTerms = {
  title: "Anniversary",
  opensAt,
  closesAt,
  limitPerMember: undefined,
  waitingRoom: false,
  ticketRules: undefined,
  items: [
    { skuId: mug.id, priceMinor: 700n, allotment: 12n, ...saleItem },
    { skuId: tea.id, priceMinor: 300n, allotment: 6n, ...saleItem },
  ],
};

export type SaleShop = ReturnType<typeof createSaleShop>;

/** With a sale that is scheduled; the clock stands before it opens. */
export function createSaleShop(
  change: Partial<SaleTerms> = {},
  goods: readonly Sku[] = [mug, tea, gift],
) {
  const sales = new Map<SaleId, Sale>();
  const shop = createShop(goods, 20n, sales);
  const { ledger } = shop.world;
  const world = salesWorldOf(shop.world, sales);
  const terms = { ...saleTerms, ...change };
  decideCreateSale(world, { saleId, terms, by: "anna" }, shop.now());
  const scheduled = decideScheduleSale(world, saleId, shop.now());
  if (scheduled.kind === "refused") throw new Error(scheduled.code);
  const sale = (): Sale => required(sales.get(saleId), "the sale");
  /** Events of orders that sales have heard of. */
  let heard = 0;
  let bundles = 0;

  return {
    ...shop,
    events: world.written.events,
    sale,
    /** Such as a state that the sweep writes late. */
    setSale: (part: Partial<Sale>) => void sales.set(saleId, { ...sale(), ...part }),
    open(): void {
      shop.advance(opensAt - shop.now());
    },
    end: () => decideEndSale(world, saleId, shop.now()),
    sweep(): void {
      decideOpenDueSale(world, saleId, shop.now());
      decideEndDueSale(world, saleId, shop.now());
    },

    /** The subscription: it is called for events that bring units back. */
    returnUnits(): void {
      const events = shop.world.written.events.slice(heard);
      heard = shop.world.written.events.length;
      const back = events.filter(({ type }) => /^order_(closed|restocked)$/.test(type));
      if (back.some(({ data }) => data.saleId === saleId)) {
        decideReturnUnits(world, { saleId, bundleId: idOf((bundles += 1)) });
      }
    },

    buy(lines: WantedLines, memberId = "m-1") {
      countBought(shop.world);
      return shop.place(lines, { saleId, memberId });
    },

    /** An order that must be placed. */
    bought(lines: WantedLines, memberId = "m-1"): Order {
      countBought(shop.world);
      return shop.placed(lines, { saleId, memberId });
    },

    /** Where the units are that were set aside. */
    unitsOf(skuId: SkuId) {
      const account = required(ledger.accounts.get(saleAccount(saleId, skuId)), "the allotment");
      const { posted, pendingDebits: held } = account;
      return { left: posted - held, held };
    },
  };
}
