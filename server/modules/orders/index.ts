// Orders: a member's order from placing to its end. An order is a row and a bundle of units in the
// ledger: held until it is paid, sold then, given back when it closes. What was paid goes back by
// amount or by lines; the history of each order says who did what, when and why.
export type { OrderRefundState, OrderState } from "./domain/machine.ts";
export { orderMachine, orderRefundMachine } from "./domain/machine.ts";
export type { Order, OrderEvent, OrderId, OrderLine, OrderRefund } from "./domain/types.ts";
export type { Orders } from "./operations/orders.ts";
export { createOrders } from "./operations/orders.ts";
export { orderTenantSettings } from "./operations/terms.ts";
