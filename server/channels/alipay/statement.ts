import Type from "typebox";
import { Compile } from "typebox/compile";
import { endOfDay, parseDay } from "../../kernel/calendar.ts";
import { hourMs, minuteMs } from "../../kernel/time.ts";
import type { ChannelAnswer, Statement } from "../../modules/payments/plug.ts";
import { ok, refused, unknown } from "../wire/answers.ts";
import { callHttp, statementBytesMax } from "../wire/http.ts";
import { readAs } from "../wire/json.ts";
import { answerOfError } from "./codes.ts";
import type { AlipayAccount } from "./config.ts";
import { callAlipay } from "./gateway.ts";
import type { Wire } from "./gateway.ts";
import { parseTradeBill } from "./tradebill.ts";
import { readZip } from "./zip.ts";

/**
 * Bills are made from nine to ten the next morning; until then they do not exist, as on idle days.
 */
const readyAfterMs = 10 * hourMs;
const notReadyRetryMs = 30 * minuteMs;

const BillReply = Compile(
  Type.Object({ bill_download_url: Type.String({ pattern: "^https?://" }) }),
);

/** Names and contents of the archive are in GBK, of which GB 18030 is the superset. */
const gbk = new TextDecoder("gb18030");

/** Asks for the bill of the day, downloads it within its 30 seconds, and reads its details. */
export async function readStatement(
  wire: Wire,
  account: AlipayAccount,
  dayText: string,
  signal: AbortSignal,
): Promise<ChannelAnswer<Statement>> {
  const day = parseDay(dayText);
  if (day === undefined) return refused("bad_request", "day_malformed", dayText);
  const request = {
    method: "alipay.data.dataservice.bill.downloadurl.query",
    bizContent: { bill_type: "trade", bill_date: day },
  };
  const reply = await callAlipay(wire, account, request, signal);
  if (reply.kind === "unknown") return unknown(reply.why);
  if (reply.kind === "error") {
    const isReady = wire.clock.now() >= endOfDay(day) + readyAfterMs;
    if (isNoBill(reply.error.subCode)) {
      if (isReady) return ok({ kind: "no_trades" });
      return ok({ kind: "not_ready", retryAfterMs: notReadyRetryMs });
    }
    // A day that is not over is told as a wrong argument.
    if (!isReady && reply.error.subCode === "isv.invalid_arguments") {
      return ok({ kind: "not_ready", retryAfterMs: notReadyRetryMs });
    }
    return answerOfError(reply.error, { movesMoney: false });
  }
  const bill = readAs(BillReply, reply.node);
  if (bill === undefined) return unknown("the reply names no statement");
  return await download(wire, bill.bill_download_url, signal);
}

/** The spelling differs between Alipay's own pages: isp.bill_not_exist, BILL_NOT_EXIST. */
function isNoBill(subCode: string): boolean {
  return /(^|\.)bill_not_exist$/i.test(subCode);
}

/** The address stood in a signed reply and carries its own token: the request is not signed. */
async function download(
  wire: Wire,
  address: string,
  signal: AbortSignal,
): Promise<ChannelAnswer<Statement>> {
  const headers = { "user-agent": "tongbao/1" };
  const url = new URL(address);
  const request = { method: "GET", url, headers, replyBytesMax: statementBytesMax } as const;
  const file = await callHttp(wire.fetch, request, signal);
  if (file.kind === "no_reply") return unknown(file.why);
  if (file.status !== 200) return unknown(`the download was answered ${file.status}`);

  const entries = readZip(file.body, statementBytesMax);
  // The archive holds the details and their summary by store (汇总).
  const details = entries?.find(({ name }) => !gbk.decode(name).includes("汇总"));
  if (details === undefined) return unknown("the statement cannot be unpacked");
  const raw = details.content;
  const parsed = parseTradeBill(gbk.decode(raw));
  if (parsed.kind === "fault") return unknown(`the statement cannot be read: ${parsed.why}`);
  return ok({ kind: "rows", rows: parsed.rows, raw });
}
