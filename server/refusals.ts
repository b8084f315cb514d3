/**
 * Every refusal of the platform once: its code (stable, part of the API), its HTTP status and one
 * sentence that says what to do. docs/refusals.md is generated from this table.
 */
import type { Facts, Refusal, RefusalEntry } from "./kernel/refusal.ts";

export const refusals = {
  // The request itself
  invalid_request: { status: 400, title: "The request does not have the right form: {detail}" },
  idempotency_key_missing: {
    status: 400,
    title:
      "Send an Idempotency-Key header (1 to 64 visible characters), the same on every retry; " +
      "placing an order takes a Submit-Token in its place.",
  },
  not_signed_in: { status: 401, title: "Send a valid token: Authorization: Bearer <token>." },
  not_allowed: { status: 403, title: "The token lacks the scope {scope}." },
  not_found: { status: 404, title: "There is no {what} with this id." },
  route_not_found: { status: 404, title: "There is no such address; see /docs." },
  body_too_large: { status: 413, title: "The body exceeds {limit} bytes." },
  unsupported_media_type: { status: 415, title: "Send application/json." },
  request_in_progress: {
    status: 409,
    title: "A request with this Idempotency-Key is still running: send it again in a moment.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "This Idempotency-Key was used for another body: use a new key for a new request.",
  },
  submit_token_invalid: {
    status: 422,
    title: "This is no submit token of ours: get one for the page from /v1/submit-tokens.",
  },
  submit_token_foreign: {
    status: 403,
    title: "This submit token is for another member: get one for {memberId}.",
  },
  submit_token_expired: {
    status: 422,
    title: "The submit token was good until {expiredAt}: open the page again for a new one.",
  },
  submit_token_used: {
    status: 409,
    title:
      "This page was submitted before: the order {number} was placed; nothing was ordered now.",
  },
  rate_limited: { status: 429, title: "Too many requests: try again after {retryAfterSeconds} s." },
  too_many_streams: {
    status: 429,
    title:
      "This caller has {streamsMax} event streams open, as many as one may: close one, or poll.",
  },
  overloaded: { status: 503, title: "The platform is at its limit: try again shortly." },
  unavailable: { status: 503, title: "A part of the platform does not answer: try again shortly." },

  // Events
  parked_event_resolved: {
    status: 409,
    title: "This event was {how} by {by} at {at}: there is nothing left to decide.",
  },
  parked_event_failed_again: {
    status: 409,
    title: "The event still cannot be applied: {error}",
  },
  subscription_gone: {
    status: 409,
    title: "There is no subscription {subscription} any more: the event can only be dropped.",
  },

  // Identity
  token_expired: { status: 401, title: "The token has expired: get a new one." },
  token_revoked: { status: 401, title: "The token was revoked: get a new one." },
  token_replayed: {
    status: 401,
    title: "This token was good for one request, and that has come: get a new one.",
  },
  tenant_inactive: { status: 403, title: "The tenant is not active." },
  other_member: { status: 403, title: "A member's token acts for that member alone." },
  token_kind_not_grantable: {
    status: 403,
    title: "A token of kind {issuer} cannot give out tokens of kind {kind}.",
  },
  scope_not_grantable: {
    status: 422,
    title: "The scope {scope} cannot be given; these can: {allowed}.",
  },
  token_life_not_allowed: {
    status: 422,
    title: "A token of this kind lives from {minSeconds} to {maxSeconds} seconds.",
  },
  key_rotation_under_way: {
    status: 409,
    title: "A new signing key was published and does not sign yet: wait until it does.",
  },

  // Ledger
  stretch_too_long: {
    status: 422,
    title: "This account is read by time, at most {daysMax} days at once: narrow from and to.",
  },

  // Catalog
  stock_too_low: {
    status: 409,
    title: "Of the {wanted} units wanted the shelf has {available} free; orders hold {held}.",
    titleWhen: { available: { 0: "The shelf has no unit free; orders hold {held}." } },
  },
  too_many_skus: { status: 422, title: "A product has at most {max} SKUs." },

  // Sales
  sale_not_draft: {
    status: 409,
    title: "The sale is {state}: only a draft is changed or scheduled; it can still be ended.",
  },
  sale_not_running: {
    status: 409,
    title: "The sale is {state}: units come to it from its scheduling until its end.",
    titleWhen: {
      state: { draft: "The sale is a draft: units come to it from its scheduling until its end." },
    },
  },
  sale_closes_too_early: {
    status: 422,
    title: "A sale closes after it has opened: {closesAt} is not after {opensAt}.",
  },
  sale_time_over: {
    status: 422,
    title: "The time from {opensAt} to {closesAt} is not ahead any more: it is {now}.",
  },
  sku_twice_in_sale: { status: 422, title: "The sale has {skuId} twice: name each SKU once." },
  too_many_sale_items: { status: 422, title: "A sale has at most {max} SKUs." },
  sale_without_waiting_room: {
    status: 409,
    title: "The sale {saleId} has no waiting room: order without a pass.",
  },
  waiting_room_full: { status: 409, title: "The waiting room has taken {max} places: no more." },
  ticket_rules_without_waiting_room: {
    status: 422,
    title: "Only a waiting room gives tickets: switch it on, or take the ticket rules away.",
  },
  sale_without_challenge: {
    status: 409,
    title: "The sale {saleId} has no challenge: take a ticket without a solution.",
  },
  sale_solution_needed: {
    status: 403,
    title: "The sale {saleId} has a challenge: ask for one, and send its solution for a ticket.",
  },
  sale_solution_invalid: {
    status: 403,
    title: "This is no challenge of this member for the sale {saleId}: ask for one of one's own.",
  },
  sale_solution_expired: {
    status: 409,
    title: "The challenge was good until {expiredAt}: ask for a new one.",
  },
  sale_solution_wrong: {
    status: 422,
    title: "The number does not give the target of the challenge: try all from 0 to {max}.",
  },
  sale_device_limit_reached: {
    status: 409,
    title: "One device gets {max} tickets to the sale, and this one has them: use another one.",
  },
  sale_network_limit_reached: {
    status: 409,
    title: "One network gets {max} tickets to the sale, and this one has them: use another one.",
  },

  // Orders
  sale_not_found: { status: 422, title: "There is no sale {saleId}." },
  sale_not_open: {
    status: 409,
    title: "The sale has not opened yet: orders are taken from {opensAt} until {closesAt}.",
    titleWhen: { state: { ended: "The sale ended at {endedAt}." } },
  },
  sale_pass_needed: {
    status: 403,
    title:
      "The sale {saleId} has a waiting room: take a ticket, and send its Sale-Pass once admitted.",
  },
  sale_pass_invalid: {
    status: 403,
    title: "This is no pass of this member for the sale {saleId}: take a ticket of one's own.",
  },
  sale_pass_expired: {
    status: 409,
    title: "The pass was good until {expiredAt}: take a ticket again for a new place.",
  },
  sku_not_in_sale: { status: 422, title: "The sale {saleId} does not have the SKU {skuId}." },
  sale_limit_reached: {
    status: 409,
    title: "A member may buy {max} units; {bought} were bought, {wanted} more were wanted.",
  },
  sku_not_found: { status: 422, title: "There is no SKU {skuId}: read the product again." },
  sku_not_on_sale: { status: 409, title: "{title} is not on sale now." },
  currencies_mixed: {
    status: 422,
    title: "An order has one currency: {skuId} costs {currency}, the lines before it {other}.",
  },
  order_too_large: { status: 422, title: "The total exceeds {max} minor units: split the order." },
  sold_out: {
    status: 409,
    title: "Of {title} {left} can still be ordered, {wanted} were wanted.",
    titleWhen: { left: { 0: "Of {title} none is left." } },
  },
  order_not_cancellable: {
    status: 409,
    title: "An order that is {state} cannot be cancelled; what was paid is refunded.",
  },
  order_not_completable: {
    status: 409,
    title: "An order that is {state} cannot be completed: only one that is paid.",
  },
  payment_being_closed: {
    status: 409,
    title: "Another way to pay this is being closed: try again in a moment.",
  },
  refund_line_not_found: {
    status: 422,
    title: "The order has {lines} lines: there is no line {line}.",
  },
  refund_exceeds_line: {
    status: 409,
    title: "Of line {line} at most {left} units can still be refunded, not {wanted}.",
  },
  nothing_to_refund: {
    status: 409,
    title: "No money is left in what was to be refunded: it went back, or it is on its way.",
  },

  // Payments
  order_already_paid: { status: 409, title: "This is paid already: do not pay again." },
  payment_not_open: {
    status: 409,
    title: "This can no longer be paid: the payment is {state}.",
  },
  payment_time_over: { status: 409, title: "The time for paying this is over." },
  attempt_over: {
    status: 409,
    title: "This way to pay is {state}: begin anew, with a new Idempotency-Key.",
  },
  too_many_attempts: {
    status: 409,
    title: "Paying this was begun {max} times: cancel the order and place it again.",
  },
  payment_method_not_offered: {
    status: 422,
    title: "The channel {channel} does not offer {method}; it offers {offered}.",
  },
  currency_not_offered: {
    status: 422,
    title: "The channel {channel} does not take {currency}.",
  },
  payer_missing: {
    status: 422,
    title: "The method {method} of {channel} needs {field}.",
  },
  channel_not_available: {
    status: 422,
    title: "The tenant has no active account at the channel {channel}.",
  },
  members_read_orders: {
    status: 403,
    title: "A member reads its own orders; payments are read by staff and programs.",
  },
  channel_account_exists: {
    status: 409,
    title: "There is an account of {merchantId} with {appId} at {channel}: change that one.",
  },
  channel_refused: {
    status: 409,
    title: "The channel has refused: {detail}",
  },
  channel_unavailable: {
    status: 503,
    title: "The channel does not answer: send the same request again in a moment.",
  },
  payment_not_paid: { status: 409, title: "Nothing was paid that could be refunded." },
  refund_exceeds_paid: {
    status: 409,
    title: "At most {left} can still be refunded, not {wanted}.",
  },
  partial_refund_not_offered: {
    status: 422,
    title: "The channel {channel} refunds the whole amount only.",
  },
  too_many_refunds: {
    status: 409,
    title: "The channel {channel} makes at most {max} refunds of one payment.",
  },
  refund_window_over: {
    status: 409,
    title: "The channel {channel} refunds for {days} days after the payment.",
  },
} as const satisfies Record<string, RefusalEntry>;

export type RefusalCode = keyof typeof refusals;

export function refuse<Code extends RefusalCode>(code: Code, facts: Facts = {}): Refusal<Code> {
  return { kind: "refused", code, facts };
}
