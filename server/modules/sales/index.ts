// Sales: goods at a price and in hours of their own, with limits per member, out of units that are
// set aside for them; orders lock a sale in their own transaction and hold its units on accounts
// given here. Waiting rooms: members take tickets, and are let in with passes as fast as it can be.
export { saleAccount } from "./domain/allotments.ts";
export { isPublished, refuseNotOpen, saleStateAt } from "./domain/hours.ts";
export { saleMachine } from "./domain/machine.ts";
export type { BroughtPass } from "./domain/passes.ts";
export { judgePass } from "./domain/passes.ts";
export type { Sale, SaleId, SaleItem, SaleSku } from "./domain/types.ts";
export type { SaleWithUnits } from "./operations/reads.ts";
export type { Sales } from "./operations/sales.ts";
export { createSales } from "./operations/sales.ts";
export { createPasses } from "./operations/passes.ts";
export { createRoomMetrics } from "./operations/room-metrics.ts";
export type { WaitingRooms } from "./operations/waiting-rooms.ts";
export { createWaitingRooms } from "./operations/waiting-rooms.ts";
export { loadSales } from "./store/world.ts";
