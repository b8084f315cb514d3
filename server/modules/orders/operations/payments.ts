import { assert } from "../../../kernel/assert.ts";
import type { Committers } from "../../../kernel/batch.ts";
import type { IdempotencyKey } from "../../../kernel/idempotency.ts";
import type { Ids } from "../../../kernel/ids.ts";
import type { Numbers } from "../../../kernel/numbers.ts";
import type { Answer, KeyedOperation } from "../../../kernel/operation.ts";
import type { Refusal } from "../../../kernel/refusal.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { refuse } from "../../../refusals.ts";
import type {
  AttemptId,
  ChosenChannel,
  OpenAttemptOutcome,
  PaymentMethod,
  Payments,
} from "../../payments/index.ts";
import type { PayOrder } from "../domain/paying.ts";
import { decidePayOrder } from "../domain/paying.ts";
import type { RefundOrder, RefundOrderOutcome, WantedRefund } from "../domain/refunds.ts";
import { decideRefundOrder } from "../domain/refunds.ts";
import type { OrderId, OrdersWorld } from "../domain/types.ts";
import { attemptView, orderRefundView } from "../domain/views.ts";
import { loadWorld, saveWorld } from "./worlds.ts";

/** Of payments, what orders use besides its decisions. */
export type UsedPayments = Pick<
  Payments,
  "channelTable" | "chooseChannel" | "prepareAttempt" | "closeAttempt"
>;

export interface PaymentInput {
  readonly orderId: OrderId;
  readonly memberId?: string;
  readonly madeBy: string;
  readonly channel: string;
  readonly method: PaymentMethod;
  readonly payerId: string | undefined;
  readonly payerIp: string | undefined;
  readonly returnUrl: string | undefined;
}

export interface RefundInput {
  readonly orderId: OrderId;
  readonly wanted: WantedRefund;
  readonly restock: boolean;
  readonly reason: string;
  readonly requestedBy: string;
}

/** People pay one order at a time; a batch of these is never long. */
const batchMax = 64;

export function createOrderPayments(deps: {
  readonly committers: Committers;
  readonly ids: Ids;
  readonly numbers: Numbers;
  readonly payments: UsedPayments;
}) {
  const { committers, ids, numbers, payments } = deps;

  function open(
    tenantId: string,
    key: IdempotencyKey,
    command: PaymentInput & { readonly chosen: ChosenChannel },
  ): Promise<Answer | Refusal> {
    const made = {
      paymentId: ids.next<"Payment">(),
      attemptId: ids.next<"PaymentAttempt">(),
      number: numbers.next("P"),
    };
    return committers.runKeyed(payOrder, tenantId, key, { ...command, ...made });
  }

  return {
    /**
     * Opens an attempt and lets the channel prepare it; 201 with what the client needs to let the
     * payer pay. The same key gives the same attempt. Refusals: not_found, order_already_paid,
     * payment_not_open, payment_method_not_offered, currency_not_offered, payer_missing,
     * payment_time_over, too_many_attempts, payment_being_closed, attempt_over,
     * channel_not_available, channel_refused, channel_unavailable.
     */
    async payOrder(
      tenantId: string,
      key: IdempotencyKey,
      input: PaymentInput,
    ): Promise<Answer | Refusal> {
      const chosen = await payments.chooseChannel(tenantId, input.channel);
      if (isRefusal(chosen)) return chosen;
      let opened = await open(tenantId, key, { ...input, chosen });
      if (isRefusal(opened) && opened.code === beingClosed) {
        // The payer waits: the channel is asked at once to close the way that was chosen before.
        await payments.closeAttempt(tenantId, attemptIn(opened.facts));
        opened = await open(tenantId, key, { ...input, chosen });
      }
      if (isRefusal(opened)) return opened;
      const prepared = await payments.prepareAttempt(tenantId, attemptIn(JSON.parse(opened.body)));
      if (isRefusal(prepared)) return prepared;
      return { kind: "answered", status: 201, body: JSON.stringify(attemptView(prepared)) };
    },

    /**
     * Asks for money back, 201: its way is told by listRefunds. Refusals: not_found,
     * payment_not_paid, nothing_to_refund, refund_line_not_found, refund_exceeds_line,
     * refund_exceeds_paid, and what the channel does not offer.
     */
    refundOrder(
      tenantId: string,
      key: IdempotencyKey,
      input: RefundInput,
    ): Promise<Answer | Refusal> {
      const made = { refundId: ids.next<"Refund">(), number: numbers.next("R") };
      const command = { ...input, ...made, channels: payments.channelTable };
      return committers.runKeyed(refundOrder, tenantId, key, command);
    },
  };
}

const beingClosed = "payment_being_closed";

/** The answer that is kept under the key names the attempt alone: it is prepared on every call. */
const payOrder: KeyedOperation<PayOrder, OrdersWorld, OpenAttemptOutcome> = {
  name: "orders.pay_order",
  batchMax,
  load(tx, commands) {
    const orderIds = commands.map(({ orderId }) => orderId);
    return loadWorld(tx, { orders: orderIds, payments: orderIds });
  },
  decide: decidePayOrder,
  save: saveWorld,
  answer(outcome) {
    if (isRefusal(outcome)) return outcome;
    const { id: attemptId } = outcome.attempt;
    if (outcome.kind === "close_first") return refuse(beingClosed, { attemptId });
    return { kind: "answered", status: 201, body: JSON.stringify({ attemptId }) };
  },
};

const refundOrder: KeyedOperation<RefundOrder, OrdersWorld, RefundOrderOutcome> = {
  name: "orders.refund_order",
  batchMax,
  load(tx, commands) {
    const orderIds = commands.map(({ orderId }) => orderId);
    return loadWorld(tx, { orders: orderIds, payments: orderIds, money: true, refunds: true });
  },
  decide: decideRefundOrder,
  save: saveWorld,
  answer(outcome) {
    if (isRefusal(outcome)) return outcome;
    const body = JSON.stringify(orderRefundView(outcome.refund));
    return { kind: "answered", status: 201, body };
  },
};

/** Of an answer of `payOrder` above. */
function attemptIn({ attemptId }: { readonly attemptId?: unknown }): AttemptId {
  assert(typeof attemptId === "string", "the answer names its attempt");
  return attemptId as AttemptId;
}
