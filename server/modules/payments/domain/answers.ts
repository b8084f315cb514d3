/** What a channel answered, in words for the trade log. */
import type { ChannelAnswer } from "../plug.ts";

/** Texts of channels are kept to this length: they are for people. */
const detailMax = 500;

export function wordAnswer(
  answer: ChannelAnswer<unknown>,
  value?: string,
): { readonly outcome: string; readonly detail?: string } {
  switch (answer.kind) {
    case "ok":
      return { outcome: value ?? "ok" };
    case "refused":
      return {
        outcome: `refused: ${answer.reason}`,
        detail: shortened(`${answer.channelCode} ${answer.channelMessage}`),
      };
    case "unknown":
      return { outcome: "unknown", detail: shortened(answer.why) };
  }
}

function shortened(text: string): string {
  return text.length <= detailMax ? text : `${text.slice(0, detailMax)}…`;
}
