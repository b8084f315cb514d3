// Orders: a member's order from placing to its end. An order is a row and a bundle of held units in
// the ledger; closing releases them in the same transaction. Unpaid orders close by themselves, and
// the history of each order says who moved it, when and why.
export type { OrderState } from "./domain/machine.ts";
export { orderMachine } from "./domain/machine.ts";
export type { Order, OrderId, OrderLine } from "./domain/types.ts";
export type { Orders } from "./operations.ts";
export { createOrders, orderTenantSettings } from "./operations.ts";
