/** Paying an order: opening attempts, and what becomes of an order that is paid. Pure. */
import { assert } from "../../../kernel/assert.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import { post } from "../../ledger/index.ts";
import type { OpenAttempt, OpenAttemptOutcome } from "../../payments/index.ts";
import { decideOpenAttempt } from "../../payments/index.ts";
import type { Order, OrderId, OrdersWorld } from "./types.ts";
import type { Cause } from "./world.ts";
import { moveOrder, visibleOrder } from "./world.ts";

type FromOrder = "reference" | "description" | "amountMinor" | "currency" | "expiresAt";

/** What is paid, how much and until when, the order says. */
export interface PayOrder extends Omit<OpenAttempt, FromOrder> {
  readonly orderId: OrderId;
  /** Present when a member asks: only this member's orders exist then. */
  readonly memberId?: string;
  readonly madeBy: string;
}

/** Channels show this much to the payer. */
const descriptionMax = 127;

/** Refusals stand in order of precedence; those of the attempt itself come last. */
export function decidePayOrder(
  world: OrdersWorld,
  command: PayOrder,
  now: number,
): OpenAttemptOutcome {
  const order = visibleOrder(world, command);
  if (order === undefined) return refuse("not_found", { what: "order" });
  const notOpen = checkOpen(order);
  if (notOpen !== undefined) return notOpen;
  const { orderId: reference, chosen, madeBy } = command;
  const { totalMinor: amountMinor, currency, closeDueAt: expiresAt } = order;
  const fromOrder = { reference, description: describe(order), amountMinor, currency, expiresAt };
  const outcome = decideOpenAttempt(world.payments, { ...command, ...fromOrder }, now);
  if (outcome.kind === "attempt" && order.state === "pending_payment") {
    const cause = { madeBy, reason: `to be paid over ${chosen.channel}` };
    moveOrder(world, order, { to: "paying", ...cause }, now);
  }
  return outcome;
}

/** Its units are sold for good. */
export function markPaid(
  world: OrdersWorld,
  order: Order,
  paid: Cause & { readonly paidAt: number; readonly completeAfterMs: number },
  now: number,
): void {
  const { paidAt, completeAfterMs, madeBy, reason } = paid;
  const posted = post(world.ledger, { bundleId: order.stockBundleId, reason: "paid" });
  assert(posted, "the units of an order are held until it is paid");
  order.paidAt = paidAt;
  order.completeDueAt = now + completeAfterMs;
  moveOrder(world, order, { to: "paid", madeBy, reason }, now);
}

function checkOpen({ state }: Order): Refusal | undefined {
  switch (state) {
    case "pending_payment":
    case "paying":
      return undefined;
    case "paid":
    case "completed":
      return refuse("order_already_paid");
    case "closing":
    case "closed":
    case "refunded":
      return refuse("payment_not_open", { state });
  }
}

/** "Mug" or "Mug + 2" */
function describe({ lines, number }: Order): string {
  const more = lines.length > 1 ? ` + ${lines.length - 1}` : "";
  const title = lines[0]?.title ?? number;
  // Half a character would be refused by a channel, and nobody could pay the order.
  return title.slice(0, descriptionMax - more.length).replace(/[\ud800-\udbff]$/, "") + more;
}
