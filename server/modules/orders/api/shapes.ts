import Type from "typebox";
import type { Principal } from "../../../kernel/access.ts";
import { statesOf } from "../../../kernel/machine.ts";
import { currencies } from "../../../kernel/money.ts";
import { amount, checkedId, id, time } from "../../../kernel/shapes.ts";
import { orderMachine, orderRefundMachine } from "../domain/machine.ts";
import type { PaymentMethod } from "../../payments/index.ts";

export const tags = ["Orders"];
export const refundTags = ["Refunds"];
export const reading = { config: { scope: "orders:read" } } as const;
export const writing = { config: { scope: "orders:write" } } as const;
export const paying = { config: { scope: "payments:write" } } as const;
export const refunding = { config: { scope: "refunds:write" } } as const;

/** Channels keep at least this much of what a payer may read. */
const reasonMax = 80;
/** Ids of payers are the channels' own: WeChat Pay's have 28 characters, Alipay's 16. */
const payerMax = 128;
/** A place to go back to, no store for the state of a page. */
const returnUrlMax = 500;
/** RFC 3986 with a host, and without a user: what stands before an @ only misleads people. */
const returnUrlPattern =
  "^https?://([A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?" +
  "([/?#]([A-Za-z0-9._~:/?#@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?$";

/** A cart of people; each line is a lock on an account that others wait for. */
const linesMax = 50;
/** A slip of the finger shall not take a whole stock. */
const quantityMax = 10_000;

export const memberId = Type.Unsafe<string>(
  Type.String({
    pattern: "^[A-Za-z0-9_-]{1,64}$",
    description: "A member's token may leave it out: it acts for its own member only.",
    examples: ["m-1"],
    "x-allowed": "1 to 64 letters, digits, - or _",
  }),
);
export const states = statesOf(orderMachine);

/** A schema of its own: elsewhere an id is described by where it stands. */
const saleId = Type.Unsafe<string>({
  ...id,
  description: "The sale that it is placed in: all lines are goods of that sale.",
});

export const newOrder = Type.Object(
  {
    memberId: Type.Optional(memberId),
    saleId: Type.Optional(saleId),
    lines: Type.Array(
      Type.Object({ skuId: id, quantity: Type.Integer({ minimum: 1, maximum: quantityMax }) }),
      { minItems: 1, maxItems: linesMax },
    ),
  },
  {
    title: "NewOrder",
    description: "The prices are those of this moment, or of the sale that it is placed in.",
  },
);

export const order = Type.Object(
  {
    id,
    number: Type.String({ description: "For people; it carries the day and a check digit." }),
    memberId: Type.String(),
    saleId: Type.Optional(id),
    state: Type.Enum(states),
    lines: Type.Array(
      Type.Object({
        line: Type.Integer({ minimum: 1 }),
        skuId: id,
        title: Type.String(),
        quantity: Type.Integer({ minimum: 1 }),
        unitPrice: amount,
        total: amount,
      }),
    ),
    total: amount,
    refunded: amount,
    refundsUnderWay: amount,
    placedAt: time,
    closesAt: Type.String({ format: "date-time", description: "Unpaid until then, it closes." }),
    paidAt: Type.Optional(time),
    completesAt: Type.Optional(
      Type.String({ format: "date-time", description: "Paid until then, it is completed." }),
    ),
    changedAt: time,
  },
  { title: "Order" },
);

export const historyStep = Type.Object(
  {
    at: time,
    from: Type.Union([Type.Enum(states), Type.Null()]),
    to: Type.Enum(states),
    madeBy: Type.String(),
    reason: Type.String(),
  },
  { title: "OrderHistoryStep" },
);

export const orderParams = Type.Object({ orderId: id });

const methods = [
  "jsapi",
  "native",
  "h5",
  "app",
  "page",
] as const satisfies readonly PaymentMethod[];
const channel = Type.Unsafe<string>(
  Type.String({
    pattern: "^[a-z][a-z0-9_]{0,31}$",
    examples: ["wechatpay"],
    "x-allowed": "the code of a channel, such as wechatpay or alipay",
  }),
);

export const newPayment = Type.Object(
  {
    channel,
    method: Type.Enum([...methods]),
    payerId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: payerMax,
        description: "The payer at the channel, where the method needs it.",
      }),
    ),
    payerIp: Type.Optional(
      Type.Union([Type.String({ format: "ipv4" }), Type.String({ format: "ipv6" })], {
        description: "The address that the payer's device calls from.",
        examples: ["203.0.113.7"],
        "x-allowed": "an IPv4 or IPv6 address",
      }),
    ),
    returnUrl: Type.Optional(
      Type.Unsafe<string>(
        Type.String({
          maxLength: returnUrlMax,
          pattern: returnUrlPattern,
          description: "Where the payer's browser goes afterwards. It proves nothing.",
          examples: ["https://shop.example/orders?from=pay"],
          "x-allowed": `a URL that begins with http:// or https://, of at most ${returnUrlMax} characters`,
        }),
      ),
    ),
  },
  { title: "NewPayment" },
);

const instruction = Type.Union(
  [
    Type.Object({ kind: Type.Literal("qr_code"), content: Type.String() }),
    Type.Object({ kind: Type.Literal("redirect"), url: Type.String() }),
    Type.Object({
      kind: Type.Literal("sdk_call"),
      params: Type.Record(Type.String(), Type.String()),
    }),
  ],
  { description: "What the client needs to let the payer pay." },
);

export const attempt = Type.Object(
  {
    paymentId: id,
    attemptId: id,
    attemptNumber: Type.String({ description: "The number that the channel knows." }),
    channel,
    method: Type.Enum([...methods]),
    amount,
    instruction,
    expiresAt: time,
  },
  { title: "PreparedAttempt" },
);

const lineQuantity = Type.Object({
  line: Type.Integer({ minimum: 1, maximum: linesMax, description: "Counted from 1." }),
  quantity: Type.Integer({ minimum: 1, maximum: quantityMax }),
});

export const newRefund = Type.Object(
  {
    amount: Type.Optional(
      Type.Object({ amount: Type.Integer({ minimum: 1 }), currency: Type.Enum([...currencies]) }),
    ),
    lines: Type.Optional(Type.Array(lineQuantity, { minItems: 1, maxItems: linesMax })),
    reason: Type.String({ minLength: 1, maxLength: reasonMax }),
    restock: Type.Optional(
      Type.Boolean({
        description: "Whether the units of the lines go back on sale; so unless it says otherwise.",
      }),
    ),
  },
  {
    title: "NewOrderRefund",
    description:
      "An amount gives back money alone; lines give back their price and their units; neither " +
      "gives back all that is left.",
  },
);

export const refund = Type.Object(
  {
    id,
    orderId: id,
    number: Type.String({ description: "For people and for the channel." }),
    cause: Type.Enum(["requested", "late"]),
    state: Type.Enum(statesOf(orderRefundMachine)),
    amount,
    lines: Type.Array(lineQuantity),
    restock: Type.Boolean(),
    reason: Type.String(),
    requestedBy: Type.String(),
    requestedAt: time,
    endedAt: Type.Optional(time),
    failure: Type.Optional(Type.String()),
  },
  { title: "OrderRefund" },
);

/** Members see their own orders only; to them the others do not exist. */
export function visibleMember({ kind, memberId: own }: Principal): string | undefined {
  return kind === "member" ? own : undefined;
}

/** The order that a request wants changed, and who wants it. */
export function changeOf(principal: Principal, orderId: string) {
  const own = visibleMember(principal);
  return {
    orderId: checkedId<"Order">(orderId),
    madeBy: principal.subject,
    ...(own === undefined ? {} : { memberId: own }),
  };
}
