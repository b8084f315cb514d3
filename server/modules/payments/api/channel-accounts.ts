import Type from "typebox";
import type { App } from "../../../kernel/app.ts";
import { pageOf, pageQuery, readIdPage, toPage } from "../../../kernel/page.ts";
import { isRefusal } from "../../../kernel/refusal.ts";
import { readIdempotencyKey } from "../../../kernel/request.ts";
import { checkedId, id, time } from "../../../kernel/shapes.ts";
import { channelAccountView } from "../domain/views.ts";
import type { ChannelAccounts } from "../operations/channel-accounts.ts";
import { accountTags, channel, readingTenant, staffOf, writingTenant } from "./shapes.ts";

const label = Type.String({ minLength: 1, maxLength: 100, examples: ["Harbour Mall, tills"] });
const merchantId = Type.String({
  pattern: "^[\\x21-\\x7e]{1,64}$",
  "x-allowed": "1 to 64 visible characters",
  description: "The merchant's number at the channel: WeChat Pay's mchid, Alipay's seller id.",
});
const appId = Type.String({
  pattern: "^[\\x21-\\x7e]{1,64}$",
  "x-allowed": "1 to 64 visible characters",
});
const config = Type.Record(Type.String(), Type.Unknown(), {
  description: "Keys and addresses as the channel needs them. Kept sealed, never shown.",
});
/**
 * A config has some kilobytes of keys. Its fields are free: a megabyte of them takes a third of a
 * second to look at, in which nobody else is answered.
 */
const accountBytesMax = 65_536;
const active = Type.Boolean({
  description: "New payments go over the oldest active account of a channel.",
});

const accountFields = {
  id,
  channel,
  merchantId,
  appId,
  label,
  active,
  noticePath: Type.String({ description: "Where the channel sends its notices." }),
  createdAt: time,
};
const account = Type.Object(accountFields, { title: "ChannelAccount" });
const accountWithConfig = Type.Object(
  {
    ...accountFields,
    config: Type.Unknown({ description: "Which fields are set, and nothing of their values." }),
  },
  { title: "ChannelAccountWithConfig" },
);
const newAccount = Type.Object(
  { channel, merchantId, appId, label, config, active: Type.Optional(active) },
  { title: "NewChannelAccount", description: "Active unless it says otherwise." },
);
const accountChange = Type.Object(
  {
    label: Type.Optional(label),
    config: Type.Optional(config),
    active: Type.Optional(active),
  },
  { title: "ChannelAccountChange", minProperties: 1, description: "A config is set whole." },
);
const accountParams = Type.Object({ accountId: id });

/** Their opening is not for the edge. */
export type ManagedAccounts = Pick<ChannelAccounts, "create" | "change" | "read" | "list">;

export function accountReads(app: App, channelAccounts: ManagedAccounts): void {
  app.get(
    "/v1/channel-accounts",
    {
      ...readingTenant,
      schema: {
        operationId: "listChannelAccounts",
        summary: "The tenant's accounts at payment channels, newest first",
        tags: accountTags,
        querystring: Type.Object({ channel: Type.Optional(channel), ...pageQuery }),
        response: { 200: pageOf(account) },
      },
    },
    async (request) => {
      const { tenantId } = staffOf(request);
      const { page, seen } = readIdPage<"ChannelAccount">(request.query);
      const wanted = { channel: request.query.channel, before: seen, limit: page.rowsMax };
      const rows = await channelAccounts.list(tenantId, wanted);
      const view = (row: (typeof rows)[number]) => channelAccountView(tenantId, row);
      return toPage(rows, page, { key: (row) => [row.id], view });
    },
  );

  app.get(
    "/v1/channel-accounts/:accountId",
    {
      ...readingTenant,
      schema: {
        operationId: "getChannelAccount",
        summary: "An account at a channel",
        tags: accountTags,
        params: accountParams,
        response: { 200: accountWithConfig },
      },
    },
    async (request, reply) => {
      const { tenantId } = staffOf(request);
      const accountId = checkedId<"ChannelAccount">(request.params.accountId);
      const found = await channelAccounts.read(tenantId, accountId);
      if (isRefusal(found)) return reply.refuse(found);
      return { ...channelAccountView(tenantId, found.account), config: found.config };
    },
  );
}

export function accountWrites(app: App, channelAccounts: ManagedAccounts): void {
  app.post(
    "/v1/channel-accounts",
    {
      ...writingTenant,
      bodyLimit: accountBytesMax,
      schema: {
        operationId: "createChannelAccount",
        summary: "Open an account at a channel",
        description: "One for each merchant and app: channel_account_exists.",
        tags: accountTags,
        body: newAccount,
        response: { 201: account },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = staffOf(request);
      const { active: isActive = true, ...given } = request.body;
      const key = readIdempotencyKey(request);
      const input = { ...given, active: isActive, by };
      return reply.answer(await channelAccounts.create(tenantId, key, input));
    },
  );

  app.patch(
    "/v1/channel-accounts/:accountId",
    {
      ...writingTenant,
      bodyLimit: accountBytesMax,
      schema: {
        operationId: "changeChannelAccount",
        summary: "Rename an account, change its keys, or take it out of use",
        description: "Payments that were begun over an account are ended over it.",
        tags: accountTags,
        params: accountParams,
        body: accountChange,
        response: { 200: account },
      },
    },
    async (request, reply) => {
      const { tenantId, subject: by } = staffOf(request);
      const accountId = checkedId<"ChannelAccount">(request.params.accountId);
      const { label: newLabel, config: newConfig, active: isActive } = request.body;
      const key = readIdempotencyKey(request);
      const change = { accountId, label: newLabel, config: newConfig, active: isActive, by };
      return reply.answer(await channelAccounts.change(tenantId, key, change));
    },
  );
}
