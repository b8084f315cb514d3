/** The daily trade bill: its address is asked for at the gateway, then the file is fetched. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { serveUnderFaults } from "../calls.ts";
import type { Clock } from "../clock.ts";
import { createDownloads } from "../downloads.ts";
import type { FaultParams, Faults } from "../faults.ts";
import { createFieldReader } from "../fields.ts";
import { dropConnection } from "../sockets.ts";
import { beijingDay, beijingText, dayMs, parseBeijingDay } from "../times.ts";
import type { World } from "../world.ts";
import { ok, refuse } from "./answers.ts";
import type { AlipayNode } from "./answers.ts";
import { billRows, detailsFile, summaryFile } from "./bill.ts";
import { encodeGbk } from "./gbk.ts";
import type { AlipayCall } from "./trades.ts";
import { writeZip } from "./zip.ts";

/** Published: an address lives thirty seconds. */
const linkLifeMs = 30_000;
/** As at WeChat Pay, so that nobody asks for the bill of another century. */
const daysBackMax = 92;

export const downloadPath = "/downloadBillFile.resource";

export interface Statements {
  request(call: AlipayCall): AlipayNode;
  /** Answers under its token, unsigned, whoever asks. */
  download(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
}

export function createStatements(parts: {
  readonly world: World;
  readonly clock: Clock;
  readonly faults: Faults;
}): Statements {
  const { world, clock, faults } = parts;
  const downloads = createDownloads(clock.now);

  return {
    request(call) {
      const now = clock.now();
      const fields = createFieldReader(call.content, "body");
      // signcustomer, the bill of the purse, is not played.
      fields.text("/bill_type", { required: true, allowed: ["trade"] });
      const day = fields.text("/bill_date", { required: true, check: issueOfDay(now) });
      if (fields.problem !== undefined) {
        const { field, issue } = fields.problem;
        return refuse("isv.invalid_arguments", `入参不合法: ${field.slice(1)} ${issue}`);
      }
      const { merchant, strikes, baseUrl } = call;
      const rows = billRows(world, merchant, day);
      if (rows.length === 0) return refuse("isp.bill_not_exist", "账单不存在");

      const account = `${merchant.id}0156`;
      const head = { account, day, madeAt: now };
      const files = [
        [`${nameOf(account, day)}_业务明细.csv`, detailsFile(rows, head, strikes)],
        [`${nameOf(account, day)}_业务明细(汇总).csv`, summaryFile(rows, head)],
      ] as const;
      const packed = files.map(([name, text]) => ({
        name: encodeGbk(name),
        content: encodeGbk(text),
      }));
      const isDamaged = strikes.has("statement_wrong_hash");
      const bytes = writeZip(packed, { at: new Date(now), isDamaged });
      const usableUntil = now + linkLifeMs;
      const token = downloads.keep({ merchantId: merchant.id, bytes, usableUntil });
      const query = new URLSearchParams({
        bizType: "trade",
        userId: account,
        fileType: "csv.zip",
        bizDates: day.replaceAll("-", ""),
        downloadFileName: `${nameOf(merchant.id, day)}.csv.zip`,
        timestamp: beijingText(now),
        token,
      });
      return ok({ bill_download_url: `${baseUrl}${downloadPath}?${query}` });
    },

    async download(request, reply) {
      const { token = "" } = request.query as { token?: string };
      const file = downloads.take(token);
      const strikes = faults.strikes({
        channel: "alipay",
        operation: "statement_file",
        merchantId: file?.merchantId ?? "",
        attemptNumber: "",
        refundNumber: "",
      });
      const served = await serveUnderFaults<Buffer | number>({
        clock,
        strikes,
        execute: () => file?.bytes ?? gone,
        failure,
      });
      if (served.kind === "dropped") return dropConnection(reply);
      const { answer } = served;
      if (Buffer.isBuffer(answer)) return reply.type("application/zip").send(answer);
      return reply.code(answer).type("text/html; charset=utf-8").send("下载链接无效或已过期");
    },
  };
}

const gone = 403;

const failure = (kind: "error" | "rate_limit", params: FaultParams): number =>
  kind === "rate_limit" ? 429 : (params.status ?? 502);

const nameOf = (owner: string, day: string): string => `${owner}_${day.replaceAll("-", "")}`;

/** The bill of a day is made on the next; asking for it before is a wrong argument. */
function issueOfDay(now: number): (day: string) => string | undefined {
  return (day) => {
    const start = parseBeijingDay(day);
    if (start === undefined) return "is not a day such as 2023-11-15";
    if (start > now || day === beijingDay(now)) return "is not over yet";
    return now - start > daysBackMax * dayMs ? "is more than three months ago" : undefined;
  };
}
