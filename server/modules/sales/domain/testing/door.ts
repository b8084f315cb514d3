/**
 * The door of sales for tests of higher modules: what the clock and the staff decide about a sale
 * is decided here in memory, on the ledger of the test. Orders never decide it themselves.
 */
export {
  decideCreateSale,
  decideEndDueSale,
  decideEndSale,
  decideOpenDueSale,
  decideRaiseAllotment,
  decideReturnUnits,
  decideScheduleSale,
} from "../decisions.ts";
export type { SalesWorld, SaleTerms } from "../types.ts";
