import Type from "typebox";
import { statesOf } from "../../../kernel/machine.ts";
import { currencies } from "../../../kernel/money.ts";
import { amount, id, time } from "../../../kernel/shapes.ts";
import { saleItemsMax } from "../domain/decisions.ts";
import { saleMachine } from "../domain/machine.ts";
import {
  challengeDifficultyMax,
  challengeDifficultyMin,
  ticketsPerDeviceMax,
  ticketsPerNetworkMax,
} from "../domain/ticket-rules.ts";

export const tags = ["Sales"];
export const reading = { config: { scope: "sales:read" } } as const;
export const writing = { config: { scope: "sales:write" } } as const;

/** A thousand million yuan, as in the catalog. */
const priceAmountMax = 100_000_000_000;
/** Also a bound on what one slip of the finger can do. */
const allotmentMax = 1_000_000_000;
/** What one order line can have; a limit above it would be none. */
const limitMax = 10_000;

const title = Type.String({ minLength: 1, maxLength: 200, examples: ["Anniversary sale"] });
const waitingRoom = Type.Boolean({
  description: "Whether members wait for their turn before they order.",
});
const limit = Type.Integer({ minimum: 1, maximum: limitMax, examples: [2] });
const limitOfSale = { description: "Units that a member may buy in the whole sale." };
const limitOfItem = { description: "Units of this SKU that a member may buy." };

const ticketRules = Type.Object(
  {
    challengeDifficulty: Type.Integer({
      minimum: challengeDifficultyMin,
      maximum: challengeDifficultyMax,
      description:
        "Numbers to try for a solution, at most; four times as many for a new device, if counted.",
      examples: [20_000],
    }),
    ticketsPerDevice: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ticketsPerDeviceMax,
        description: "Members who may take a ticket with one device.",
        examples: [2],
      }),
    ),
    ticketsPerNetwork: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: ticketsPerNetworkMax,
        description:
          "Members who may take a ticket from one network: an address of IPv4, a /64 of IPv6.",
        examples: [500],
      }),
    ),
  },
  { title: "TicketRules", description: "Of a sale with a waiting room: what a ticket asks for." },
);

const newItem = Type.Object(
  {
    skuId: id,
    price: Type.Object({
      amount: Type.Integer({ minimum: 0, maximum: priceAmountMax, examples: [1900] }),
      currency: Type.Enum([...currencies]),
    }),
    allotment: Type.Integer({
      minimum: 1,
      maximum: allotmentMax,
      description: "Units that are set aside when the sale is scheduled.",
      examples: [100],
    }),
    limitPerMember: Type.Optional(Type.Integer({ ...limit, ...limitOfItem })),
  },
  { title: "NewSaleItem" },
);
const newItems = Type.Array(newItem, { minItems: 1, maxItems: saleItemsMax });

export const newSale = Type.Object(
  {
    title,
    opensAt: time,
    closesAt: time,
    limitPerMember: Type.Optional(Type.Integer({ ...limit, ...limitOfSale })),
    waitingRoom: Type.Optional(waitingRoom),
    ticketRules: Type.Optional(ticketRules),
    items: newItems,
  },
  { title: "NewSale", description: "A draft: it can be changed until it is scheduled." },
);

export const saleChange = Type.Object(
  {
    title: Type.Optional(title),
    opensAt: Type.Optional(time),
    closesAt: Type.Optional(time),
    limitPerMember: Type.Optional(
      Type.Union([limit, Type.Null()], { description: "null takes the limit away." }),
    ),
    waitingRoom: Type.Optional(waitingRoom),
    ticketRules: Type.Optional(
      Type.Union([ticketRules, Type.Null()], {
        description: "Replaced as a whole; null takes them away.",
      }),
    ),
    items: Type.Optional(newItems),
  },
  {
    title: "SaleChange",
    minProperties: 1,
    description: "What is left out stays as it is; items are replaced as a whole.",
  },
);

export const item = Type.Object(
  {
    skuId: id,
    price: amount,
    allotment: Type.Integer({ minimum: 1 }),
    limitPerMember: Type.Optional(Type.Integer({ minimum: 1 })),
    left: Type.Integer({ minimum: 0, description: "Units that can be ordered; roughly right." }),
  },
  { title: "SaleItem" },
);

const saleFields = {
  id,
  title,
  state: Type.Enum(statesOf(saleMachine)),
  opensAt: Type.String({ format: "date-time", description: "The first moment of the sale." }),
  closesAt: Type.String({ format: "date-time", description: "The first moment after it." }),
  limitPerMember: Type.Optional(Type.Integer({ minimum: 1 })),
  waitingRoom,
  ticketRules: Type.Optional(ticketRules),
};
const saleTimes = {
  createdAt: time,
  changedAt: time,
  scheduledAt: Type.Optional(time),
  endedAt: Type.Optional(time),
};

export const sale = Type.Object(
  { ...saleFields, items: Type.Array(item, { maxItems: saleItemsMax }), ...saleTimes },
  { title: "Sale" },
);

const itemCount = Type.Integer({
  minimum: 1,
  maximum: saleItemsMax,
  description: "How many SKUs it has; the sale itself tells which.",
});
export const listedSale = Type.Object(
  { ...saleFields, itemCount, ...saleTimes },
  { title: "ListedSale" },
);

export const newAllotment = Type.Object(
  {
    skuId: id,
    quantity: Type.Integer({
      minimum: 1,
      maximum: allotmentMax,
      description: "Units that come to those that are set aside already.",
      examples: [50],
    }),
  },
  { title: "NewAllotment" },
);

export const saleParams = Type.Object({ saleId: id });
