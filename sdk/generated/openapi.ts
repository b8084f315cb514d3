// Generated from openapi.json by `npm run generate`.

export interface paths {
    "/.well-known/jwks.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The keys that verify our tokens
         * @description Also those that will sign soon, so keep it no longer than it says.
         */
        get: operations["getKeySet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/notices/{channel}/{tenantId}/{accountId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What a channel tells about payments and refunds
         * @description Proves itself by the channel's signature. Answered as the channel expects.
         */
        post: operations["takeNotice"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/channel-accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The tenant's accounts at payment channels, newest first */
        get: operations["listChannelAccounts"];
        put?: never;
        /**
         * Open an account at a channel
         * @description One for each merchant and app: channel_account_exists.
         */
        post: operations["createChannelAccount"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/channel-accounts/{accountId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An account at a channel */
        get: operations["getChannelAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Rename an account, change its keys, or take it out of use
         * @description Payments that were begun over an account are ended over it.
         */
        patch: operations["changeChannelAccount"];
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The tenant's events, in the order of their commits
         * @description Nothing ever appears before an event that was shown. Who keeps up remembers the `seq` of the last event and asks for what came `after` it.
         *
         *     | type | what has happened |
         *     | --- | --- |
         *     | `order_placed` | An order was placed; its units are held. |
         *     | `order_paying` | Paying it was begun at a channel. |
         *     | `order_closing` | It is being closed: the channel is asked whether it was paid. |
         *     | `order_paid` | It is paid, in time, or late and revived; its units are sold. |
         *     | `order_completed` | The time for complaints is over, or staff completed it. |
         *     | `order_closed` | It was cancelled or not paid in time; its units are free again. |
         *     | `order_refunded` | All of its money went back. |
         *     | `order_restocked` | Units of a refund are on sale again. |
         *     | `payment_paid` | A channel has the money; `late` when the payment was closed before. |
         *     | `payment_closed` | Nobody can pay it any more. |
         *     | `payment_surplus` | It was paid once more; that money goes back by itself. |
         *     | `payment_mismatch` | A channel tells of a trade what differs from the books: nothing was booked. |
         *     | `refund_requested` | Money is to go back; the channel will be asked. |
         *     | `refund_succeeded` | The money went back. |
         *     | `refund_failed` | The channel refused it: the money is still here. |
         *     | `refund_abnormal` | The channel cannot send it; a person settles it there. |
         *     | `refund_mismatch` | A channel tells of a refund what differs from the books: nothing was booked. |
         *     | `notice_unmatched` | A channel told, rightly signed, of a number that was never given out. |
         *     | `channel_account_created` | An account at a channel was added. |
         *     | `channel_account_changed` | It was changed; `newConfig` when its keys were, too. |
         *     | `product_created` | A product was added, with its SKUs. |
         *     | `product_changed` | It has another title, or is on sale or no longer. |
         *     | `sku_added` | A product has one more SKU. |
         *     | `sku_changed` | It has another title, or is on sale or no longer. |
         *     | `sku_price_changed` | It has another price; `before` is what it was. |
         *     | `stock_put_in` | Units came to the shelf. |
         *     | `stock_written_off` | Units were taken from the shelf that nobody bought. |
         *     | `sale_created` | A sale was drafted. |
         *     | `sale_changed` | The draft was changed. |
         *     | `sale_scheduled` | Its units are set aside, its terms stand. |
         *     | `sale_opened` | Its time has come; orders were taken from that instant on. |
         *     | `sale_allotment_raised` | More units of one SKU were set aside. |
         *     | `sale_units_returned` | Units of its orders came back after its end, and went to the shelf. |
         *     | `sale_ended` | It is over, or the draft was dropped; `units` went back to the shelf. |
         *     | `tenant_created` | The tenant is there. |
         *     | `tenant_activated` | It is active again. |
         *     | `tenant_deactivated` | Its tokens are refused from now on. |
         *     | `tenant_settings_changed` | It has chosen other settings; `names` says which. |
         *     | `token_issued` | A token was given out; the token itself is not told. |
         *     | `tokens_revoked` | One token, or all of a subject, are refused from now on. |
         *     | `signing_key_rotated` | Tokens get another signing key. |
         */
        get: operations["listEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/accounts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Accounts by code */
        get: operations["listLedgerAccounts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/accounts/{accountId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An account with its balance */
        get: operations["getLedgerAccount"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/accounts/{accountId}/balance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What an account held at a past time */
        get: operations["getLedgerBalanceAt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/accounts/{accountId}/statement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What went in and out of an account, newest first, with the running balance
         * @description From `from` up to but without `to`. Accounts that are not indexed show the
         *     last day unless told otherwise, and at most 31 days at once; where others move far
         *     more often, a page may hold fewer entries than its limit, or none: it goes on while there is a nextCursor.
         */
        get: operations["getLedgerStatement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Add up all transfers anew and compare
         * @description Reads the whole ledger of the tenant: for after hours.
         */
        get: operations["auditLedger"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/transfers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everything that was moved for one order, payment or refund, oldest first */
        get: operations["listLedgerTransfers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/ledger/trial-balance": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The sums of each asset */
        get: operations["getTrialBalance"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/notices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Notices of channels and what was made of them, newest first */
        get: operations["listNotices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/notices/{noticeId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A notice as it came in */
        get: operations["getNotice"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Orders, newest first; a member's token lists its own */
        get: operations["listOrders"];
        put?: never;
        /**
         * Place an order; its units are held until it is paid or closed
         * @description A page sends the Submit-Token that it was opened with in place of an Idempotency-Key: it is good for one order, and a second arrival is told which one that is. An order in a sale that has a waiting room brings the pass of its member's ticket as Sale-Pass.
         */
        post: operations["placeOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** An order */
        get: operations["getOrder"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Close an unpaid order; one that somebody may be paying waits for the channel */
        post: operations["cancelOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Say that a paid order is done; by itself it is after some days */
        post: operations["completeOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Everything that became of an order: who, when, why */
        get: operations["getOrderHistory"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pay an order over a channel; the same key gives the same attempt */
        post: operations["payOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/orders/{orderId}/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All refunds of an order, oldest first */
        get: operations["listOrderRefunds"];
        put?: never;
        /** Give back what was paid: an amount, lines with their units, or all that is left */
        post: operations["refundOrder"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/parked-events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Events that a subscription could not apply, the newest first */
        get: operations["listParkedEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/parked-events/{subscription}/{seq}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A parked event with its data and the error */
        get: operations["getParkedEvent"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/parked-events/{subscription}/{seq}/drop": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Leave a parked event unapplied for good */
        post: operations["dropParkedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/parked-events/{subscription}/{seq}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Apply a parked event again, once its reason is mended */
        post: operations["replayParkedEvent"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payment-attempts/{attemptId}/trade-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The same of one attempt */
        get: operations["listTradeLogOfAttempt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payments, newest first */
        get: operations["listPayments"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{paymentId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A payment with all attempts at it */
        get: operations["getPayment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/payments/{paymentId}/trade-log": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What channels were asked about a payment and what they told, in order */
        get: operations["listTradeLogOfPayment"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Products with their SKUs, newest first
         * @description Members see what is on sale.
         */
        get: operations["listProducts"];
        put?: never;
        /** Create a product with its SKUs */
        post: operations["createProduct"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/products/{productId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A product with its SKUs */
        get: operations["getProduct"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Rename a product, or take it on or off sale */
        patch: operations["changeProduct"];
        trace?: never;
    };
    "/v1/products/{productId}/skus": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Add a SKU to a product */
        post: operations["addSku"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Refunds, newest first */
        get: operations["listRefunds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/refunds/{refundId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A refund */
        get: operations["getRefund"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sales without their goods, newest first
         * @description Members see no drafts. What many look at is told as of a second ago.
         */
        get: operations["listSales"];
        put?: never;
        /** Draft a sale */
        post: operations["createSale"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * A sale with its goods, prices and what is left
         * @description Members see no drafts. What many look at is told as of a second ago.
         */
        get: operations["getSale"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Change a draft */
        patch: operations["changeSale"];
        trace?: never;
    };
    "/v1/sales/{saleId}/allotments": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set more units of one SKU aside, for a sale that is scheduled or open
         * @description The units come from the shelf, and can be ordered at once.
         */
        post: operations["raiseAllotment"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/challenges": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A challenge whose solution a ticket asks for, in a sale with ticket rules
         * @description Find the number by trying all from 0 on, and send it with the challenge when the ticket is taken. It is this member's, for this sale, for some minutes. A device that was told its name sends it as Sale-Device; where devices are counted, one without gets a longer search.
         */
        post: operations["askChallenge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/end": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a sale before its time
         * @description What is left of its units goes back on the shelf; its orders stay.
         */
        post: operations["endSale"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/schedule": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Set the units aside; the sale opens and ends by itself
         * @description From then on its terms stand. All units are set aside, or none.
         */
        post: operations["scheduleSale"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Take the member's one ticket to a sale that has a waiting room
         * @description Who comes before the opening takes part in a lot, who comes later stands behind. Asked again, from whatever device, it gives the same ticket; when nobody waits, the pass at once. A sale with ticket rules asks for the solution of a challenge.
         */
        post: operations["takeTicket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/tickets/{ticketId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How a ticket stands: waiting, admitted, expired, over */
        get: operations["getTicket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sales/{saleId}/tickets/{ticketId}/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same as a stream of server-sent events, until the ticket waits no longer
         * @description Looked at about every second, for five minutes at most: then open it again. Who has 8 open (a program: half of all) is answered 429, and 503 when as many are open as there may be: then poll instead.
         */
        get: operations["followTicket"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/skus/{skuId}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** A SKU with its price */
        get: operations["getSku"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /** Rename a SKU, or take it on or off sale */
        patch: operations["changeSku"];
        trace?: never;
    };
    "/v1/skus/{skuId}/availability": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many units of a SKU can be ordered now
         * @description Of a SKU that many ask for: less than a second ago.
         */
        get: operations["getAvailability"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/skus/{skuId}/price": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Set the price of a SKU
         * @description Orders that were placed before keep the price that they were placed at.
         */
        put: operations["changePrice"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/skus/{skuId}/prices": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every price that a SKU has had, newest first */
        get: operations["listPrices"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/skus/{skuId}/stock": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Where the units of a SKU are */
        get: operations["getStock"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/skus/{skuId}/stock/movements": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stock put in and written off, newest first
         * @description What orders took and gave back stands in the ledger.
         */
        get: operations["listStockMovements"];
        put?: never;
        /**
         * Put stock in, or write it off
         * @description What unpaid orders hold cannot be written off: stock_too_low.
         */
        post: operations["moveStock"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/submit-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A token for a page that is submitted once
         * @description Good for half an hour and for this member. It moves nothing by itself.
         */
        post: operations["issueSubmitToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The tenant of the token */
        get: operations["getTenant"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenant/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the tenant may choose, and what holds */
        get: operations["listTenantSettings"];
        /**
         * Choose, or go back to the platform's default
         * @description Settings that are not named stay as they are. Null, or -1, is the default.
         */
        put: operations["changeTenantSettings"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenant/settings/{name}/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Who changed a setting, when, from what to what; newest first */
        get: operations["listTenantSettingChanges"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/token-revocations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * End a token, or all tokens that a subject has now
         * @description Holds everywhere within a minute. Tokens issued later are not touched.
         */
        post: operations["revokeTokens"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give out a token for a program or a member
         * @description Nobody gives away scopes that he does not have himself.
         */
        post: operations["issueToken"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Amount
         * @description In minor units: 1999 CNY is 19.99 yuan.
         */
        Amount: {
            amount: number;
            /** @enum {unknown} */
            currency: "CNY";
        };
        /** Availability */
        Availability: {
            available: number;
        };
        /** ChannelAccount */
        ChannelAccount: {
            id: string;
            /** @example wechatpay */
            channel: string;
            /** @description The merchant's number at the channel: WeChat Pay's mchid, Alipay's seller id. */
            merchantId: string;
            appId: string;
            /** @example Harbour Mall, tills */
            label: string;
            /** @description New payments go over the oldest active account of a channel. */
            active: boolean;
            /** @description Where the channel sends its notices. */
            noticePath: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
        };
        /**
         * ChannelAccountChange
         * @description A config is set whole.
         */
        ChannelAccountChange: {
            /** @example Harbour Mall, tills */
            label?: string;
            /** @description Keys and addresses as the channel needs them. Kept sealed, never shown. */
            config?: {
                [key: string]: unknown;
            };
            /** @description New payments go over the oldest active account of a channel. */
            active?: boolean;
        };
        /** ChannelAccountWithConfig */
        ChannelAccountWithConfig: {
            id: string;
            /** @example wechatpay */
            channel: string;
            /** @description The merchant's number at the channel: WeChat Pay's mchid, Alipay's seller id. */
            merchantId: string;
            appId: string;
            /** @example Harbour Mall, tills */
            label: string;
            /** @description New payments go over the oldest active account of a channel. */
            active: boolean;
            /** @description Where the channel sends its notices. */
            noticePath: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            /** @description Which fields are set, and nothing of their values. */
            config: unknown;
        };
        /**
         * EventType
         * @description One of those that `GET /v1/events` lists; there will be more: pass by the others.
         * @example order_placed
         */
        EventType: string;
        /** IssueToken */
        IssueToken: {
            /** @enum {string} */
            kind: "service";
            name: string;
            /** @description All that the kind may have, when left out. */
            scopes?: ("orders:read" | "orders:write" | "payments:read" | "payments:write" | "refunds:write" | "catalog:read" | "catalog:write" | "catalog:audit" | "sales:read" | "sales:write" | "ledger:read" | "tenant:read" | "tenant:write" | "system:read" | "system:write")[];
            /** @description A day when left out; 5 minutes for a token that is good once. */
            lifeSeconds?: number;
            /** @description Good for one request, within 5 minutes at most. */
            once?: boolean;
        } | {
            /** @enum {string} */
            kind: "member";
            memberId: string;
            /** @description All that the kind may have, when left out. */
            scopes?: ("orders:read" | "orders:write" | "payments:read" | "payments:write" | "refunds:write" | "catalog:read" | "catalog:write" | "catalog:audit" | "sales:read" | "sales:write" | "ledger:read" | "tenant:read" | "tenant:write" | "system:read" | "system:write")[];
            /** @description A day when left out; 5 minutes for a token that is good once. */
            lifeSeconds?: number;
            /** @description Good for one request, within 5 minutes at most. */
            once?: boolean;
        };
        /** IssuedToken */
        IssuedToken: {
            /** @description The token's `jti`. */
            id: string;
            /** @description Send it as Authorization: Bearer <token>. */
            token: string;
            kind: string;
            /** @example member:m-1 */
            subject: string;
            memberId?: string;
            scopes: ("orders:read" | "orders:write" | "payments:read" | "payments:write" | "refunds:write" | "catalog:read" | "catalog:write" | "catalog:audit" | "sales:read" | "sales:write" | "ledger:read" | "tenant:read" | "tenant:write" | "system:read" | "system:write")[];
            once: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            issuedAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            expiresAt: string;
        };
        /**
         * KeySet
         * @description RFC 7517.
         */
        KeySet: {
            keys: {
                kty: string;
                crv: string;
                x: string;
                kid: string;
                alg: string;
                use: string;
            }[];
        };
        /** LedgerAccount */
        LedgerAccount: {
            id: string;
            /** @example payment.captured */
            code: string;
            /** @example CNY */
            asset: string;
            /** @description Never goes below zero, counting what is held. */
            guarded: boolean;
            /** @description If false, statements cover at most 31 days at once. */
            indexed: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            openedAt: string;
            balance: components["schemas"]["LedgerBalance"];
        };
        /** LedgerAccountName */
        LedgerAccountName: {
            id: string;
            /** @example payment.captured */
            code: string;
        };
        /** LedgerAudit */
        LedgerAudit: {
            /** @description The lists below are empty. */
            sound: boolean;
            accounts: number;
            transfers: number;
            unbalancedAssets: components["schemas"]["LedgerTrialBalance"][];
            /** @description Accounts whose balance is not what their transfers add up to. */
            differences: {
                accountId: string;
                /** @description Null: there is no such account. */
                code: string | null;
                kept: {
                    /** @description Whole units of the asset: fen, pieces, points. */
                    posted: number;
                    /** @description Whole units of the asset: fen, pieces, points. */
                    pendingDebits: number;
                    /** @description Whole units of the asset: fen, pieces, points. */
                    pendingCredits: number;
                };
                rebuilt: {
                    /** @description Whole units of the asset: fen, pieces, points. */
                    posted: number;
                    /** @description Whole units of the asset: fen, pieces, points. */
                    pendingDebits: number;
                    /** @description Whole units of the asset: fen, pieces, points. */
                    pendingCredits: number;
                };
            }[];
            /** @description Holds of which more was posted and released than was held. */
            wrongEndings: {
                bundleId: string;
                leg: number;
                /** @description Whole units of the asset: fen, pieces, points. */
                held: number;
                /** @description Whole units of the asset: fen, pieces, points. */
                resolved: number;
            }[];
        };
        /**
         * LedgerBalance
         * @description Credits less debits. available = posted - pendingDebits: what holds leave over.
         */
        LedgerBalance: {
            /** @description Whole units of the asset: fen, pieces, points. */
            posted: number;
            /** @description Whole units of the asset: fen, pieces, points. */
            pendingDebits: number;
            /** @description Whole units of the asset: fen, pieces, points. */
            pendingCredits: number;
            /** @description Whole units of the asset: fen, pieces, points. */
            available: number;
        };
        /**
         * LedgerStatementEntry
         * @description Only the phases `posted` and `post` change the balance.
         */
        LedgerStatementEntry: {
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            bundleId: string;
            leg: number;
            /** @enum {unknown} */
            phase: "posted" | "pending" | "post" | "release";
            reference: string;
            /** @example order placed */
            reason: string;
            reversesBundleId?: string;
            /** @description Above zero: into the account. */
            amount: number;
            other: components["schemas"]["LedgerAccountName"];
            /** @description Posted, after this entry. Null where too much has happened since: the balance at a time tells. */
            balance: number | null;
        };
        /**
         * LedgerTransfer
         * @description Moved from the debit to the credit account.
         */
        LedgerTransfer: {
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            bundleId: string;
            leg: number;
            /** @enum {unknown} */
            phase: "posted" | "pending" | "post" | "release";
            reference: string;
            /** @example order placed */
            reason: string;
            reversesBundleId?: string;
            /** @description The pending leg that this one posts or releases. */
            resolvesLeg?: number;
            /** @example CNY */
            asset: string;
            debit: components["schemas"]["LedgerAccountName"];
            credit: components["schemas"]["LedgerAccountName"];
            /** @description Whole units of the asset: fen, pieces, points. */
            amount: number;
        };
        /** LedgerTrialBalance */
        LedgerTrialBalance: {
            /** @example CNY */
            asset: string;
            accounts: number;
            /** @description Zero: what one account gave, another has. */
            posted: number;
            /** @description Whole units of the asset: fen, pieces, points. */
            pendingDebits: number;
            /** @description Whole units of the asset: fen, pieces, points. */
            pendingCredits: number;
            balanced: boolean;
        };
        /** ListedSale */
        ListedSale: {
            id: string;
            /** @example Anniversary sale */
            title: string;
            /** @enum {unknown} */
            state: "draft" | "scheduled" | "open" | "ended";
            /**
             * Format: date-time
             * @description The first moment of the sale.
             */
            opensAt: string;
            /**
             * Format: date-time
             * @description The first moment after it.
             */
            closesAt: string;
            limitPerMember?: number;
            /** @description Whether members wait for their turn before they order. */
            waitingRoom: boolean;
            ticketRules?: components["schemas"]["TicketRules"];
            /** @description How many SKUs it has; the sale itself tells which. */
            itemCount: number;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            scheduledAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            endedAt?: string;
        };
        /** NewAllotment */
        NewAllotment: {
            skuId: string;
            /**
             * @description Units that come to those that are set aside already.
             * @example 50
             */
            quantity: number;
        };
        /**
         * NewChannelAccount
         * @description Active unless it says otherwise.
         */
        NewChannelAccount: {
            /** @example wechatpay */
            channel: string;
            /** @description The merchant's number at the channel: WeChat Pay's mchid, Alipay's seller id. */
            merchantId: string;
            appId: string;
            /** @example Harbour Mall, tills */
            label: string;
            /** @description Keys and addresses as the channel needs them. Kept sealed, never shown. */
            config: {
                [key: string]: unknown;
            };
            /** @description New payments go over the oldest active account of a channel. */
            active?: boolean;
        };
        /**
         * NewOrder
         * @description The prices are those of this moment, or of the sale that it is placed in.
         */
        NewOrder: {
            /**
             * @description A member's token may leave it out: it acts for its own member only.
             * @example m-1
             */
            memberId?: string;
            /** @description The sale that it is placed in: all lines are goods of that sale. */
            saleId?: string;
            lines: {
                skuId: string;
                quantity: number;
            }[];
        };
        /**
         * NewOrderRefund
         * @description An amount gives back money alone; lines give back their price and their units; neither gives back all that is left.
         */
        NewOrderRefund: {
            amount?: {
                amount: number;
                /** @enum {unknown} */
                currency: "CNY";
            };
            lines?: {
                /** @description Counted from 1. */
                line: number;
                quantity: number;
            }[];
            reason: string;
            /** @description Whether the units of the lines go back on sale; so unless it says otherwise. */
            restock?: boolean;
        };
        /** NewPayment */
        NewPayment: {
            /** @example wechatpay */
            channel: string;
            /** @enum {unknown} */
            method: "jsapi" | "native" | "h5" | "app" | "page";
            /** @description The payer at the channel, where the method needs it. */
            payerId?: string;
            /**
             * @description The address that the payer's device calls from.
             * @example 203.0.113.7
             */
            payerIp?: string;
            /**
             * @description Where the payer's browser goes afterwards. It proves nothing.
             * @example https://shop.example/orders?from=pay
             */
            returnUrl?: string;
        };
        /**
         * NewProduct
         * @description On sale unless it says otherwise. Stock is put in afterwards, SKU by SKU.
         */
        NewProduct: {
            /** @example Enamel mug */
            title: string;
            /** @description Orders are taken while product and SKU are on sale. */
            onSale?: boolean;
            skus: components["schemas"]["NewSku"][];
        };
        /**
         * NewSale
         * @description A draft: it can be changed until it is scheduled.
         */
        NewSale: {
            /** @example Anniversary sale */
            title: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            opensAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            closesAt: string;
            /**
             * @description Units that a member may buy in the whole sale.
             * @example 2
             */
            limitPerMember?: number;
            /** @description Whether members wait for their turn before they order. */
            waitingRoom?: boolean;
            ticketRules?: components["schemas"]["TicketRules"];
            items: components["schemas"]["NewSaleItem"][];
        };
        /** NewSaleItem */
        NewSaleItem: {
            skuId: string;
            price: {
                /** @example 1900 */
                amount: number;
                /** @enum {unknown} */
                currency: "CNY";
            };
            /**
             * @description Units that are set aside when the sale is scheduled.
             * @example 100
             */
            allotment: number;
            /**
             * @description Units of this SKU that a member may buy.
             * @example 2
             */
            limitPerMember?: number;
        };
        /**
         * NewSku
         * @description On sale unless it says otherwise.
         */
        NewSku: {
            /**
             * @description What tells it from the product's other SKUs; empty when it is the only one.
             * @example blue, 350 ml
             */
            title: string;
            price: components["schemas"]["Price"];
            /** @description Orders are taken while product and SKU are on sale. */
            onSale?: boolean;
        };
        /** NewStockMovement */
        NewStockMovement: {
            /** @enum {unknown} */
            kind: "put_in" | "written_off";
            quantity: number;
            /** @example delivery of 21 November */
            reason: string;
        };
        /** NewTicket */
        NewTicket: {
            /**
             * @description A member's token may leave it out: it acts for its own member only.
             * @example m-1
             */
            memberId?: string;
            solution?: components["schemas"]["TicketSolution"];
        };
        /** NewTicketChallenge */
        NewTicketChallenge: {
            /**
             * @description A member's token may leave it out: it acts for its own member only.
             * @example m-1
             */
            memberId?: string;
        };
        /** Notice */
        Notice: {
            id: string;
            accountId: string;
            /** @description The channel's own id of it. */
            channelNoticeId?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            receivedAt: string;
            /**
             * @example paid
             * @example forged: the signature does not fit
             */
            verdict: string;
            attemptNumber?: string;
            refundNumber?: string;
            /** @description How often it came; it was booked once. */
            deliveries: number;
        };
        /** Order */
        Order: {
            id: string;
            /** @description For people; it carries the day and a check digit. */
            number: string;
            memberId: string;
            saleId?: string;
            /** @enum {unknown} */
            state: "pending_payment" | "paying" | "closing" | "paid" | "completed" | "closed" | "refunded";
            lines: {
                line: number;
                skuId: string;
                title: string;
                quantity: number;
                unitPrice: components["schemas"]["Amount"];
                total: components["schemas"]["Amount"];
            }[];
            total: components["schemas"]["Amount"];
            refunded: components["schemas"]["Amount"];
            refundsUnderWay: components["schemas"]["Amount"];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            placedAt: string;
            /**
             * Format: date-time
             * @description Unpaid until then, it closes.
             */
            closesAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            paidAt?: string;
            /**
             * Format: date-time
             * @description Paid until then, it is completed.
             */
            completesAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
        };
        /** OrderHistoryStep */
        OrderHistoryStep: {
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            from: ("pending_payment" | "paying" | "closing" | "paid" | "completed" | "closed" | "refunded") | null;
            /** @enum {unknown} */
            to: "pending_payment" | "paying" | "closing" | "paid" | "completed" | "closed" | "refunded";
            madeBy: string;
            reason: string;
        };
        /** OrderRefund */
        OrderRefund: {
            id: string;
            orderId: string;
            /** @description For people and for the channel. */
            number: string;
            /** @enum {unknown} */
            cause: "requested" | "late";
            /** @enum {unknown} */
            state: "under_way" | "refunded" | "failed";
            amount: components["schemas"]["Amount"];
            lines: {
                /** @description Counted from 1. */
                line: number;
                quantity: number;
            }[];
            restock: boolean;
            reason: string;
            requestedBy: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            requestedAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            endedAt?: string;
            failure?: string;
        };
        /** ParkedEvent */
        ParkedEvent: {
            /** @example search.index */
            subscription: string;
            /** @description Counts up by one within the tenant, in the order of commits. */
            seq: number;
            type: components["schemas"]["EventType"];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            parkedAt: string;
            attempts: number;
            /** @description Of the last try. */
            error: string;
            resolved?: {
                /** @enum {unknown} */
                how: "replayed" | "dropped";
                /**
                 * Format: date-time
                 * @example 2025-11-21T03:42:00.000Z
                 */
                at: string;
                by: string;
                /** @description Why it was dropped. */
                reason?: string;
            };
        };
        /** ParkedEventWithData */
        ParkedEventWithData: {
            /** @example search.index */
            subscription: string;
            /** @description Counts up by one within the tenant, in the order of commits. */
            seq: number;
            type: components["schemas"]["EventType"];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            parkedAt: string;
            attempts: number;
            /** @description Of the last try. */
            error: string;
            resolved?: {
                /** @enum {unknown} */
                how: "replayed" | "dropped";
                /**
                 * Format: date-time
                 * @example 2025-11-21T03:42:00.000Z
                 */
                at: string;
                by: string;
                /** @description Why it was dropped. */
                reason?: string;
            };
            data: unknown;
        };
        /**
         * PastPrice
         * @description Holds until the `validFrom` of the price above it.
         */
        PastPrice: {
            price: components["schemas"]["Price"];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            validFrom: string;
            /** @description The subject of the token that set it. */
            setBy: string;
        };
        /** Payment */
        Payment: {
            id: string;
            /** @description The order that is paid. */
            reference: string;
            description: string;
            amount: components["schemas"]["Amount"];
            /** @enum {unknown} */
            state: "open" | "closing" | "paid" | "closed";
            paidAttemptId?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            paidAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
        };
        /** PaymentAttempt */
        PaymentAttempt: {
            id: string;
            /** @description Ours, at the channel: its out_trade_no. */
            number: string;
            accountId: string;
            /** @example wechatpay */
            channel: string;
            method: string;
            amount: components["schemas"]["Amount"];
            /** @enum {unknown} */
            state: "preparing" | "awaiting" | "closing" | "paid" | "closed" | "failed";
            payerId?: string;
            channelTradeNumber?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            paidAt?: string;
            /** @description Paid although another was: goes back by itself. */
            surplus: boolean;
            failure?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            expiresAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
        };
        /** PaymentWithAttempts */
        PaymentWithAttempts: {
            id: string;
            /** @description The order that is paid. */
            reference: string;
            description: string;
            amount: components["schemas"]["Amount"];
            /** @enum {unknown} */
            state: "open" | "closing" | "paid" | "closed";
            paidAttemptId?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            paidAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            attempts: components["schemas"]["PaymentAttempt"][];
        };
        /** PreparedAttempt */
        PreparedAttempt: {
            paymentId: string;
            attemptId: string;
            /** @description The number that the channel knows. */
            attemptNumber: string;
            /** @example wechatpay */
            channel: string;
            /** @enum {unknown} */
            method: "jsapi" | "native" | "h5" | "app" | "page";
            amount: components["schemas"]["Amount"];
            /** @description What the client needs to let the payer pay. */
            instruction: {
                /** @enum {string} */
                kind: "qr_code";
                content: string;
            } | {
                /** @enum {string} */
                kind: "redirect";
                url: string;
            } | {
                /** @enum {string} */
                kind: "sdk_call";
                params: {
                    [key: string]: string;
                };
            };
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            expiresAt: string;
        };
        /** Price */
        Price: {
            /**
             * @description In minor units: 1999 is 19.99 yuan.
             * @example 1999
             */
            amount: number;
            /** @enum {unknown} */
            currency: "CNY";
        };
        /** Problem */
        Problem: {
            /** @description Where the code is explained. */
            type: string;
            /** @description What was refused, in one sentence with its facts. */
            title: string;
            status: number;
            /** @description Stable: programs decide by it. */
            code: string;
            /** @description The path of the request. */
            instance: string;
            /** @description Names this request in the logs. */
            requestId: string;
            /** @description What the rule saw. */
            facts: {
                [key: string]: unknown;
            };
            /** @description Each wrong field and what is allowed there. */
            errors?: {
                field: string;
                problem: string;
                allowed?: string;
            }[];
        };
        /** Product */
        Product: {
            id: string;
            /** @example Enamel mug */
            title: string;
            /** @description Orders are taken while product and SKU are on sale. */
            onSale: boolean;
            skus: components["schemas"]["Sku"][];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
        };
        /**
         * ProductChange
         * @description What is left out stays as it is.
         */
        ProductChange: {
            /** @example Enamel mug */
            title?: string;
            /** @description Orders are taken while product and SKU are on sale. */
            onSale?: boolean;
        };
        /** Refund */
        Refund: {
            id: string;
            /** @description Ours, at the channel: its out_refund_no. */
            number: string;
            attemptId: string;
            reference: string;
            cause: string;
            amount: components["schemas"]["Amount"];
            reason: string;
            /** @enum {unknown} */
            state: "requested" | "processing" | "abnormal" | "refunded" | "failed";
            channelRefundNumber?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            refundedAt?: string;
            failure?: string;
            requestedBy: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
        };
        /** RevokeTokens */
        RevokeTokens: {
            /** @description The token's `jti`. */
            tokenId: string;
            /** @example the phone was lost */
            reason: string;
        } | {
            /** @example member:m-1 */
            subject: string;
            /** @example the phone was lost */
            reason: string;
        };
        /** Sale */
        Sale: {
            id: string;
            /** @example Anniversary sale */
            title: string;
            /** @enum {unknown} */
            state: "draft" | "scheduled" | "open" | "ended";
            /**
             * Format: date-time
             * @description The first moment of the sale.
             */
            opensAt: string;
            /**
             * Format: date-time
             * @description The first moment after it.
             */
            closesAt: string;
            limitPerMember?: number;
            /** @description Whether members wait for their turn before they order. */
            waitingRoom: boolean;
            ticketRules?: components["schemas"]["TicketRules"];
            items: components["schemas"]["SaleItem"][];
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            scheduledAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            endedAt?: string;
        };
        /**
         * SaleChange
         * @description What is left out stays as it is; items are replaced as a whole.
         */
        SaleChange: {
            /** @example Anniversary sale */
            title?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            opensAt?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            closesAt?: string;
            /** @description null takes the limit away. */
            limitPerMember?: number | null;
            /** @description Whether members wait for their turn before they order. */
            waitingRoom?: boolean;
            /** @description Replaced as a whole; null takes them away. */
            ticketRules?: components["schemas"]["TicketRules"] | null;
            items?: components["schemas"]["NewSaleItem"][];
        };
        /** SaleItem */
        SaleItem: {
            skuId: string;
            price: components["schemas"]["Amount"];
            allotment: number;
            limitPerMember?: number;
            /** @description Units that can be ordered; roughly right. */
            left: number;
        };
        /** Sku */
        Sku: {
            id: string;
            productId: string;
            /**
             * @description What tells it from the product's other SKUs; empty when it is the only one.
             * @example blue, 350 ml
             */
            title: string;
            price: components["schemas"]["Price"];
            /** @description Orders are taken while product and SKU are on sale. */
            onSale: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
        };
        /**
         * SkuChange
         * @description What is left out stays as it is.
         */
        SkuChange: {
            /**
             * @description What tells it from the product's other SKUs; empty when it is the only one.
             * @example blue, 350 ml
             */
            title?: string;
            /** @description Orders are taken while product and SKU are on sale. */
            onSale?: boolean;
        };
        /** Stock */
        Stock: {
            /** @description = onHand + setAside + sold + writtenOff, at any time. */
            putIn: number;
            onHand: number;
            /** @description Of those on hand, held by unpaid orders. */
            held: number;
            /** @description = onHand - held */
            available: number;
            /** @description For sales, held there by orders or not. */
            setAside: number;
            sold: number;
            writtenOff: number;
        };
        /** StockMovement */
        StockMovement: {
            id: string;
            skuId: string;
            /** @enum {unknown} */
            kind: "put_in" | "written_off";
            quantity: number;
            /** @example delivery of 21 November */
            reason: string;
            madeBy: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
        };
        /** StockMovementDone */
        StockMovementDone: {
            id: string;
            skuId: string;
            /** @enum {unknown} */
            kind: "put_in" | "written_off";
            quantity: number;
            /** @example delivery of 21 November */
            reason: string;
            madeBy: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            stock: components["schemas"]["Stock"];
        };
        /** StoredEvent */
        StoredEvent: {
            /** @description Counts up by one within the tenant, in the order of commits. */
            seq: number;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            type: components["schemas"]["EventType"];
            /** @description Never changed later. */
            data: unknown;
        };
        /** SubmitToken */
        SubmitToken: {
            /** @description Send it as the header Submit-Token. */
            token: string;
            memberId: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            expiresAt: string;
        };
        /** TakenTicket */
        TakenTicket: {
            id: string;
            saleId: string;
            memberId: string;
            /**
             * @description expired: the pass was not used in time; taking a ticket again gives a place at the end. over: the sale has ended or is sold out.
             * @enum {unknown}
             */
            state: "waiting" | "admitted" | "expired" | "over";
            /** @description Before the opening there is none: it is drawn. */
            place?: number;
            /** @description How many wait in front; it never grows. */
            ahead?: number;
            /** @description By how many were let in lately. */
            estimatedSeconds?: number;
            /** @description No unit is left; some come back when orders are not paid. */
            soldOut: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            opensAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            closesAt: string;
            /** @description For those who do not stream. */
            askAgainSeconds: number;
            /** @description Sent as Sale-Pass with the orders of this sale. */
            pass?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            passExpiresAt?: string;
            /** @description Where devices are counted: to be kept, and sent as Sale-Device when a challenge is asked for, in this sale or any later one. */
            deviceToken?: string;
        };
        /** Tenant */
        Tenant: {
            id: string;
            name: string;
            /** @example Asia/Shanghai */
            timeZone: string;
            /** @example CNY */
            currency: string;
            active: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            createdAt: string;
        };
        /** TenantSetting */
        TenantSetting: {
            /** @example orders.close_after_minutes */
            name: string;
            meaning: string;
            /** @description What holds now. */
            value: unknown;
            /** @description The tenant has not chosen. */
            isDefault: boolean;
            platformDefault: unknown;
            /** @example a whole number from 1 to 10080 */
            allowed: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt?: string;
            changedBy?: string;
        };
        /** TenantSettingChange */
        TenantSettingChange: {
            id: string;
            name: string;
            /** @description Null is the platform's default. */
            oldValue: unknown;
            /** @description Null is the platform's default. */
            newValue: unknown;
            changedBy: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            changedAt: string;
        };
        /** TenantSettingValues */
        TenantSettingValues: {
            /** @description Minutes after which an unpaid order is closed. */
            "orders.close_after_minutes"?: number | null | -1;
            /** @description Days after which a paid order is completed by itself. */
            "orders.complete_after_days"?: number | null | -1;
            /** @description What becomes of money for an order that is closed already: refund it, or revive the order when its units are still there. */
            "orders.late_payment"?: ("refund" | "revive") | null | -1;
            /** @description Seconds after which the channel is first asked about a payment that nobody has told of; -1: 5. */
            "payments.first_query_after_seconds"?: number | null | -1;
        };
        /** Ticket */
        Ticket: {
            id: string;
            saleId: string;
            memberId: string;
            /**
             * @description expired: the pass was not used in time; taking a ticket again gives a place at the end. over: the sale has ended or is sold out.
             * @enum {unknown}
             */
            state: "waiting" | "admitted" | "expired" | "over";
            /** @description Before the opening there is none: it is drawn. */
            place?: number;
            /** @description How many wait in front; it never grows. */
            ahead?: number;
            /** @description By how many were let in lately. */
            estimatedSeconds?: number;
            /** @description No unit is left; some come back when orders are not paid. */
            soldOut: boolean;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            opensAt: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            closesAt: string;
            /** @description For those who do not stream. */
            askAgainSeconds: number;
            /** @description Sent as Sale-Pass with the orders of this sale. */
            pass?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            passExpiresAt?: string;
        };
        /** TicketChallenge */
        TicketChallenge: {
            /** @description Signed; goes back with the number that was found. */
            challenge: string;
            /** @enum {string} */
            algorithm: "SHA-256";
            salt: string;
            /** @description In hexadecimal: SHA-256 of the salt and the decimal digits of the number behind it. */
            target: string;
            /** @description The number is below it, and 0 or more. */
            difficulty: number;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            expiresAt: string;
        };
        /**
         * TicketRules
         * @description Of a sale with a waiting room: what a ticket asks for.
         */
        TicketRules: {
            /**
             * @description Numbers to try for a solution, at most; four times as many for a new device, if counted.
             * @example 20000
             */
            challengeDifficulty: number;
            /**
             * @description Members who may take a ticket with one device.
             * @example 2
             */
            ticketsPerDevice?: number;
            /**
             * @description Members who may take a ticket from one network: an address of IPv4, a /64 of IPv6.
             * @example 500
             */
            ticketsPerNetwork?: number;
        };
        /**
         * TicketSolution
         * @description To a challenge of this member and sale; where none is asked, not looked at.
         */
        TicketSolution: {
            challenge: string;
            number: number;
        };
        /** TokenRevocation */
        TokenRevocation: {
            /** @description The token's `jti`. */
            tokenId?: string;
            /** @example member:m-1 */
            subject?: string;
            /** @example the phone was lost */
            reason: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            revokedAt: string;
        };
        /** TradeLogEntry */
        TradeLogEntry: {
            id: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            at: string;
            attemptId: string;
            refundId?: string;
            /** @description What the channel was asked, or `notice`. */
            what: string;
            outcome: string;
            detail?: string;
        };
        /** WholeNotice */
        WholeNotice: {
            id: string;
            accountId: string;
            /** @description The channel's own id of it. */
            channelNoticeId?: string;
            /**
             * Format: date-time
             * @example 2025-11-21T03:42:00.000Z
             */
            receivedAt: string;
            /**
             * @example paid
             * @example forged: the signature does not fit
             */
            verdict: string;
            attemptNumber?: string;
            refundNumber?: string;
            /** @description How often it came; it was booked once. */
            deliveries: number;
            headers: {
                [key: string]: string;
            };
            /** @description Byte for byte, so that it can be verified again. */
            bodyBase64: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getKeySet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description RFC 7517. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeySet"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    takeNotice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example wechatpay */
                channel: string;
                tenantId: string;
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listChannelAccounts: {
        parameters: {
            query?: {
                /** @example wechatpay */
                channel?: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["ChannelAccount"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createChannelAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description Active unless it says otherwise. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewChannelAccount"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelAccount"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getChannelAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelAccountWithConfig"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeChannelAccount: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                accountId: string;
            };
            cookie?: never;
        };
        /** @description A config is set whole. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ChannelAccountChange"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChannelAccount"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listEvents: {
        parameters: {
            query?: {
                /** @description A `seq`. */
                after?: number;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["StoredEvent"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listLedgerAccounts: {
        parameters: {
            query?: {
                /** @description How the code begins: `stock.on_hand.` */
                prefix?: string;
                /** @example CNY */
                asset?: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["LedgerAccount"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLedgerAccount: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerAccount"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLedgerBalanceAt: {
        parameters: {
            query: {
                /** @example 2025-11-21T03:42:00.000Z */
                at: string;
            };
            header?: never;
            path: {
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Credits less debits. available = posted - pendingDebits: what holds leave over. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerBalance"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getLedgerStatement: {
        parameters: {
            query?: {
                /** @example 2025-11-21T03:42:00.000Z */
                from?: string;
                /** @example 2025-11-21T03:42:00.000Z */
                to?: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                accountId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["LedgerStatementEntry"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    auditLedger: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LedgerAudit"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listLedgerTransfers: {
        parameters: {
            query: {
                reference: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["LedgerTransfer"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTrialBalance: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["LedgerTrialBalance"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listNotices: {
        parameters: {
            query?: {
                accountId?: string;
                attemptNumber?: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Notice"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getNotice: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                noticeId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WholeNotice"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOrders: {
        parameters: {
            query?: {
                /**
                 * @description A member's token may leave it out: it acts for its own member only.
                 * @example m-1
                 */
                memberId?: string;
                saleId?: string;
                state?: "pending_payment" | "paying" | "closing" | "paid" | "completed" | "closed" | "refunded";
                number?: string;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Order"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    placeOrder: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
                /** @description From /v1/submit-tokens, in place of an Idempotency-Key; never with one. */
                "Submit-Token"?: string;
                /** @description The `pass` of the member's ticket, in a sale that has a waiting room. */
                "Sale-Pass"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description The prices are those of this moment, or of the sale that it is placed in. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewOrder"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrder: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancelOrder: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    completeOrder: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Order"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getOrderHistory: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["OrderHistoryStep"][];
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    payOrder: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewPayment"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PreparedAttempt"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listOrderRefunds: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["OrderRefund"][];
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    refundOrder: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                orderId: string;
            };
            cookie?: never;
        };
        /** @description An amount gives back money alone; lines give back their price and their units; neither gives back all that is left. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewOrderRefund"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OrderRefund"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listParkedEvents: {
        parameters: {
            query?: {
                /** @example search.index */
                subscription?: string;
                /** @description Both kinds, when left out. */
                resolved?: boolean;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["ParkedEvent"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getParkedEvent: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @example search.index */
                subscription: string;
                /** @description Counts up by one within the tenant, in the order of commits. */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ParkedEventWithData"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    dropParkedEvent: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @example search.index */
                subscription: string;
                /** @description Counts up by one within the tenant, in the order of commits. */
                seq: number;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    reason: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ParkedEvent"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    replayParkedEvent: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                /** @example search.index */
                subscription: string;
                /** @description Counts up by one within the tenant, in the order of commits. */
                seq: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ParkedEvent"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTradeLogOfAttempt: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                attemptId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["TradeLogEntry"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listPayments: {
        parameters: {
            query?: {
                reference?: string;
                state?: "open" | "closing" | "paid" | "closed";
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Payment"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getPayment: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                paymentId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PaymentWithAttempts"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTradeLogOfPayment: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                paymentId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["TradeLogEntry"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listProducts: {
        parameters: {
            query?: {
                onSale?: boolean;
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Product"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createProduct: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description On sale unless it says otherwise. Stock is put in afterwards, SKU by SKU. */
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "title": "Enamel mug",
                 *       "skus": [
                 *         {
                 *           "title": "blue",
                 *           "price": {
                 *             "amount": 1999,
                 *             "currency": "CNY"
                 *           }
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["NewProduct"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getProduct: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                productId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeProduct: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                productId: string;
            };
            cookie?: never;
        };
        /** @description What is left out stays as it is. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProductChange"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Product"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    addSku: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                productId: string;
            };
            cookie?: never;
        };
        /** @description On sale unless it says otherwise. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSku"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sku"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listRefunds: {
        parameters: {
            query?: {
                reference?: string;
                state?: "requested" | "processing" | "abnormal" | "refunded" | "failed";
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Refund"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getRefund: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                refundId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refund"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listSales: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["ListedSale"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    createSale: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description A draft: it can be changed until it is scheduled. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewSale"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sale"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSale: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sale"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeSale: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        /** @description What is left out stays as it is; items are replaced as a whole. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["SaleChange"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sale"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    raiseAllotment: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewAllotment"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SaleItem"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    askChallenge: {
        parameters: {
            query?: never;
            header?: {
                /** @description The `deviceToken` that came with an earlier ticket, of whatever sale. */
                "Sale-Device"?: string;
            };
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTicketChallenge"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TicketChallenge"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    endSale: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sale"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    scheduleSale: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sale"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    takeTicket: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                saleId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewTicket"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TakenTicket"];
                };
            };
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TakenTicket"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTicket: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                saleId: string;
                ticketId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Ticket"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    followTicket: {
        parameters: {
            query?: never;
            header?: {
                /** @description The id of the event that was heard last: it goes on behind that one. */
                "Last-Event-ID"?: string;
            };
            path: {
                saleId: string;
                ticketId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A stream of server-sent events. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description All was heard, and nothing more comes: do not come back. */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getSku: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sku"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeSku: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        /** @description What is left out stays as it is. */
        requestBody: {
            content: {
                "application/json": components["schemas"]["SkuChange"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sku"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getAvailability: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Availability"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changePrice: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Price"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Sku"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listPrices: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["PastPrice"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getStock: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Stock"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listStockMovements: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["StockMovement"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    moveStock: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path: {
                skuId: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "kind": "put_in",
                 *       "quantity": 100,
                 *       "reason": "delivery of 21 November"
                 *     }
                 */
                "application/json": components["schemas"]["NewStockMovement"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StockMovementDone"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    issueSubmitToken: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @description A member's token may leave it out: it acts for its own member only.
                     * @example m-1
                     */
                    memberId?: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SubmitToken"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    getTenant: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tenant"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTenantSettings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["TenantSetting"][];
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    changeTenantSettings: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    values: components["schemas"]["TenantSettingValues"];
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        changes: components["schemas"]["TenantSettingChange"][];
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    listTenantSettingChanges: {
        parameters: {
            query?: {
                /** @description 20 if absent. */
                limit?: number;
                /** @description `nextCursor` of the page before. */
                cursor?: string;
            };
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["TenantSettingChange"][];
                        /** @description Absent on the last page. */
                        nextCursor?: string;
                    };
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    revokeTokens: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RevokeTokens"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TokenRevocation"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    issueToken: {
        parameters: {
            query?: never;
            header?: {
                /** @description Chosen by the caller: a repeated request gets the first answer again. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "kind": "member",
                 *       "memberId": "m-1",
                 *       "lifeSeconds": 3600
                 *     }
                 */
                "application/json": components["schemas"]["IssueToken"];
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["IssuedToken"];
                };
            };
            /** @description Refused, or failed; the code says which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
