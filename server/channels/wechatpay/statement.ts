import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import Type from "typebox";
import { Compile } from "typebox/compile";
import { minuteMs } from "../../kernel/time.ts";
import type { ChannelAnswer, Statement } from "../../modules/payments/plug.ts";
import { ok, unknown } from "../wire/answers.ts";
import { statementBytesMax } from "../wire/http.ts";
import { parseJson, readAs } from "../wire/json.ts";
import type { WechatpayReply } from "./client.ts";
import { answerOfError, normalCode } from "./codes.ts";
import type { WechatpayAccount } from "./config.ts";
import { parseTradeBill } from "./tradebill.ts";
import { sendSigned } from "./transport.ts";
import type { WechatpayRequest, Wire } from "./transport.ts";

const unzip = promisify(gunzip);

/**
 * Statements of a day are made from about nine to ten the next morning; WeChat Pay says:
 * half-hourly.
 */
const notReadyRetryMs = 30 * minuteMs;

const BillReply = Compile(
  Type.Object({
    hash_type: Type.Literal("SHA1"),
    hash_value: Type.String({ pattern: "^[0-9A-Fa-f]{40}$" }),
    download_url: Type.String({ pattern: "^https?://" }),
  }),
);

/** GET /v3/bill/tradebill: all trades and refunds of the day, packed. */
export function statementRequest(day: string): WechatpayRequest {
  const query = new URLSearchParams({ bill_date: day, bill_type: "ALL", tar_type: "GZIP" });
  return { method: "GET", path: `/v3/bill/tradebill?${query.toString()}` };
}

/**
 * Downloads what the reply points to, at once: the address lives from 30 seconds to five minutes.
 */
export async function readStatement(
  wire: Wire,
  account: WechatpayAccount,
  reply: WechatpayReply,
  signal: AbortSignal,
): Promise<ChannelAnswer<Statement>> {
  if (reply.kind === "unknown") return unknown(reply.why);
  if (reply.kind === "error") {
    const code = normalCode(reply.error.code ?? "");
    if (code === "NOSTATEMENTEXIST") return ok({ kind: "no_trades" });
    if (code === "STATEMENTCREATING") {
      return ok({ kind: "not_ready", retryAfterMs: notReadyRetryMs });
    }
    return answerOfError(reply.error, { movesMoney: false });
  }
  const bill = readAs(BillReply, parseJson(reply.body));
  if (bill === undefined) return unknown("the reply names no statement");

  // Only path and query are taken: where our signature goes is the configuration's to say.
  const address = new URL(bill.download_url);
  const path = `${address.pathname}${address.search}`;
  const request = { method: "GET", path, replyBytesMax: statementBytesMax } as const;
  const file = await sendSigned(wire, account, request, signal);
  if (file.kind === "no_reply") return unknown(file.why);
  if (file.status !== 200) return unknown(`the download was answered ${file.status}`);

  const raw = await unpack(file.body);
  if (raw === undefined) return unknown("the statement cannot be unpacked");
  // The download is not signed: the hash in the signed reply proves it. It is of the plain text, by
  // WeChat Pay's own sample; the packed bytes prove the file just as well.
  const hash = bill.hash_value.toLowerCase();
  if (sha1(raw) !== hash && sha1(file.body) !== hash) {
    return unknown("the statement differs from its hash");
  }
  const parsed = parseTradeBill(raw.toString());
  if (parsed.kind === "fault") return unknown(`the statement cannot be read: ${parsed.why}`);
  return ok({ kind: "rows", rows: parsed.rows, raw });
}

/** Some gateways unpack on the way, so the bytes decide and not what was asked for. */
async function unpack(bytes: Buffer): Promise<Buffer | undefined> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!isGzip) return bytes;
  try {
    return await unzip(bytes, { maxOutputLength: statementBytesMax });
  } catch {
    return undefined;
  }
}

function sha1(bytes: Buffer): string {
  return createHash("sha1").update(bytes).digest("hex");
}
