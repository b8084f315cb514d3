/**
 * Every type of event that modules emit once, with what has happened when it is told: readers of
 * the log find them in the description of the API.
 */
export const eventTypes = {
  // Orders
  order_placed: "An order was placed; its units are held.",
  order_paying: "Paying it was begun at a channel.",
  order_closing: "It is being closed: the channel is asked whether it was paid.",
  order_paid: "It is paid, in time, or late and revived; its units are sold.",
  order_completed: "The time for complaints is over, or staff completed it.",
  order_closed: "It was cancelled or not paid in time; its units are free again.",
  order_refunded: "All of its money went back.",
  order_restocked: "Units of a refund are on sale again.",

  // Payments
  payment_paid: "A channel has the money; `late` when the payment was closed before.",
  payment_closed: "Nobody can pay it any more.",
  payment_surplus: "It was paid once more; that money goes back by itself.",
  payment_mismatch: "A channel tells of a trade what differs from the books: nothing was booked.",
  refund_requested: "Money is to go back; the channel will be asked.",
  refund_succeeded: "The money went back.",
  refund_failed: "The channel refused it: the money is still here.",
  refund_abnormal: "The channel cannot send it; a person settles it there.",
  refund_mismatch: "A channel tells of a refund what differs from the books: nothing was booked.",
  notice_unmatched: "A channel told, rightly signed, of a number that was never given out.",
  channel_account_created: "An account at a channel was added.",
  channel_account_changed: "It was changed; `newConfig` when its keys were, too.",

  // Catalog
  product_created: "A product was added, with its SKUs.",
  product_changed: "It has another title, or is on sale or no longer.",
  sku_added: "A product has one more SKU.",
  sku_changed: "It has another title, or is on sale or no longer.",
  sku_price_changed: "It has another price; `before` is what it was.",
  stock_put_in: "Units came to the shelf.",
  stock_written_off: "Units were taken from the shelf that nobody bought.",

  // Sales
  sale_created: "A sale was drafted.",
  sale_changed: "The draft was changed.",
  sale_scheduled: "Its units are set aside, its terms stand.",
  sale_opened: "Its time has come; orders were taken from that instant on.",
  sale_allotment_raised: "More units of one SKU were set aside.",
  sale_units_returned: "Units of its orders came back after its end, and went to the shelf.",
  sale_ended: "It is over, or the draft was dropped; `units` went back to the shelf.",

  // Tenant and tokens
  tenant_created: "The tenant is there.",
  tenant_activated: "It is active again.",
  tenant_deactivated: "Its tokens are refused from now on.",
  tenant_settings_changed: "It has chosen other settings; `names` says which.",
  token_issued: "A token was given out; the token itself is not told.",
  tokens_revoked: "One token, or all of a subject, are refused from now on.",
  signing_key_rotated: "Tokens get another signing key.",
} as const satisfies Readonly<Record<string, string>>;
