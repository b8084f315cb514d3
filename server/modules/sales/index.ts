// Sales: goods at a price of their own, for a time, with limits per member, out of units that are
// set aside for them. Orders lock a sale in their own transaction and hold its units on accounts
// given here. The clock opens and ends it, and what is left goes back on the shelf.
export { saleAccount } from "./domain/allotments.ts";
export { saleStateAt } from "./domain/hours.ts";
export { saleMachine } from "./domain/machine.ts";
export type { BroughtPass } from "./domain/passes.ts";
export { judgePass } from "./domain/passes.ts";
export type { Sale, SaleId, SaleItem, SaleSku } from "./domain/types.ts";
export type { SaleWithUnits } from "./operations/reads.ts";
export type { Sales } from "./operations/sales.ts";
export { createSales } from "./operations/sales.ts";
export { admitEveryMs } from "./operations/admission.ts";
export { createPasses } from "./operations/passes.ts";
export type { WaitingRooms } from "./operations/waiting-rooms.ts";
export { createWaitingRooms } from "./operations/waiting-rooms.ts";
export { loadSales } from "./store/world.ts";
