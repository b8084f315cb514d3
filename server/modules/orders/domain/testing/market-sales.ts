/** The sales of a market: what staff and the clock do to them, and units that come back late. */
import type { SeededRandom } from "../../../../kernel/testing/random.ts";
import { minuteMs } from "../../../../kernel/time.ts";
import type { SaleTerms } from "../../../sales/domain/testing/door.ts";
import {
  decideCreateSale,
  decideEndDueSale,
  decideEndSale,
  decideOpenDueSale,
  decideRaiseAllotment,
  decideReturnUnits,
  decideScheduleSale,
} from "../../../sales/domain/testing/door.ts";
import type { Sale, SaleId } from "../../../sales/index.ts";
import { salesWorldOf } from "./sales.ts";
import type { Shop } from "./shop.ts";
import { gift, idOf, mug, tea } from "./shop.ts";

const salesMax = 2;

/** `sales` is the map that the shop sees. */
export function openMarketSales(shop: Shop, sales: Map<SaleId, Sale>, random: SeededRandom) {
  const world = salesWorldOf(shop.world, sales);
  let ids = 500;
  let bundles = 2_000_000;
  return {
    world,
    /** Orders whose units came back, oldest first; what is heard of it is behind the cursor. */
    log: new Array<SaleId>(),
    heard: 0,

    /** One command of staff or of the clock. */
    act(): unknown {
      const now = shop.now();
      if (sales.size === 0 || (sales.size < salesMax && random.chance(0.3))) {
        const saleId = idOf<"Sale">((ids += 1));
        return decideCreateSale(world, { saleId, terms: termsAt(now, random), by: "anna" }, now);
      }
      const { id, state } = random.pick([...sales.values()]);
      const kind = random.below(10);
      if (state === "draft" && kind < 8) return decideScheduleSale(world, id, now);
      if (kind === 9) return random.chance(0.3) && decideEndSale(world, id, now);
      if (kind === 8) return this.raise(id);
      return kind < 5 ? decideOpenDueSale(world, id, now) : decideEndDueSale(world, id, now);
    },

    /** Now and then by more than there is, or of a sale that is over. */
    raise(saleId: SaleId): unknown {
      const { id: skuId } = random.pick([mug, tea, gift]);
      const made = { quantity: BigInt(1 + random.below(5)), bundleId: idOf((bundles += 1)) };
      return decideRaiseAllotment(world, { saleId, skuId, ...made }, shop.now());
    },

    returnUnits(saleId: SaleId): void {
      decideReturnUnits(world, { saleId, bundleId: idOf((bundles += 1)) });
    },

    /** By the clock; drafts are ended by hand. */
    end(id: SaleId): void {
      const now = shop.now();
      decideOpenDueSale(world, id, now);
      decideEndDueSale(world, id, now);
      decideEndSale(world, id, now);
    },

    forgetWritten(): void {
      const { newSales, changedSales, changedItems, raisedItems, events } = world.written;
      newSales.clear();
      changedSales.clear();
      changedItems.clear();
      raisedItems.clear();
      events.length = 0;
    },
  };
}

/** Now and then more is to be set aside than there is, or the opening lies in the past. */
function termsAt(now: number, random: SeededRandom): SaleTerms {
  const opensAt = now + (random.below(20) - 3) * minuteMs;
  const limit = () => (random.chance(0.5) ? 1 + random.below(4) : undefined);
  const item = (skuId: typeof mug.id, priceMinor: bigint) => {
    const allotment = BigInt(1 + random.below(random.chance(0.1) ? 20 : 6));
    return { skuId, priceMinor, currency: "CNY", allotment, limitPerMember: limit() } as const;
  };
  return {
    title: "Anniversary",
    opensAt,
    closesAt: opensAt + (5 + random.below(60)) * minuteMs,
    limitPerMember: limit(),
    waitingRoom: false,
    ticketRules: undefined,
    items: [item(mug.id, 700n), item(tea.id, 300n), item(gift.id, 0n)],
  };
}
