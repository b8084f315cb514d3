/** What the players were told and did, for the audit to hold against what the platform keeps. */
import type { ChannelName } from "./outside.ts";

/** How the order of a story must stand in the end. */
export interface Ending {
  readonly state: "paid" | "closed" | "refunded";
  readonly refundedMinor: number;
}

/** One member's story. Everything here was acknowledged: the platform or the outside said so. */
export interface Chapter {
  readonly story: string;
  readonly memberId: string;
  order:
    | {
        readonly id: string;
        readonly key: string;
        readonly lines: readonly WantedLine[];
        readonly saleId?: string;
      }
    | undefined;
  /** Ways to pay that the platform has opened. */
  readonly attempts: { readonly number: string; readonly channel: ChannelName }[];
  /** Numbers of the attempts that the member has paid. */
  readonly paid: Set<string>;
  readonly refunds: { readonly id: string; readonly amountMinor: number }[];
  /** The platform has acknowledged that the order is closed, or waits for channels to close. */
  hasCancelled: boolean;
  ending: Ending | undefined;
  /** How the story broke off, when it did: what it waited for in vain. */
  failure: string | undefined;
}

export interface WantedLine {
  readonly skuId: string;
  readonly quantity: number;
}

export function openChapter(story: string, memberId: string): Chapter {
  return {
    story,
    memberId,
    order: undefined,
    attempts: [],
    paid: new Set(),
    refunds: [],
    hasCancelled: false,
    ending: undefined,
    failure: undefined,
  };
}
