/** How payments leave the API. */
import { formatInstant } from "../../../kernel/time.ts";
import type { ChannelAccountRecord } from "./channel-accounts.ts";
import { noticePathOf } from "./channel-accounts.ts";

export interface ChannelAccountView {
  id: string;
  channel: string;
  merchantId: string;
  appId: string;
  label: string;
  active: boolean;
  noticePath: string;
  createdAt: string;
}

/** Without the configuration: what is sealed does not leave, masked or not. */
export function channelAccountView(
  tenantId: string,
  account: ChannelAccountRecord,
): ChannelAccountView {
  const { id, channel, merchantId, appId, label, active, createdAt } = account;
  const noticePath = noticePathOf(tenantId, account);
  const createdAtText = formatInstant(createdAt);
  return { id, channel, merchantId, appId, label, active, noticePath, createdAt: createdAtText };
}
