import { AsyncLocalStorage } from "node:async_hooks";
import type { Logger } from "pino";
import { pino, stdSerializers } from "pino";
import type { RandomFill } from "./ids.ts";
import { cryptoFill } from "./ids.ts";

export type Log = Logger;

export const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** What every log line of one request or one job carries, however deep it is written. */
export interface LogContext {
  readonly requestId: string;
  readonly trace: () => Trace;
}

/** W3C Trace Context: from the caller, or begun here. */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits: this process's part of the trace. */
  readonly spanId: string;
  /** The caller's decision to record the trace, passed on as it came. */
  readonly sampled: boolean;
}

/** Context is bound to the flow of calls, not to arguments: the kernel's only hidden input. */
const contexts = new AsyncLocalStorage<LogContext>();

export function withLogContext<Result>(context: LogContext, work: () => Result): Result {
  return contexts.run(context, work);
}

export function currentLogContext(): LogContext | undefined {
  return contexts.getStore();
}

/** What calls to the outside send on, so that a trace does not end at our door. */
export function currentTraceparent(): string | undefined {
  const context = contexts.getStore();
  if (context === undefined) return undefined;
  const { traceId, spanId, sampled } = context.trace();
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

/**
 * Secrets never reach a log, whoever logs the object that holds them. Each name is hidden at the
 * top and one and two levels down; pino's paths take no deeper wildcard.
 */
const secretNames = [
  "authorization",
  "cookie",
  "password",
  "secret",
  "token",
  "accessToken",
  "refreshToken",
  "privateKey",
  "apiKey",
  "apiV3Key",
  "masterKey",
  "signature",
];

export interface LogOptions {
  readonly level: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly destination?: { write(line: string): void };
}

/** One JSON object a line, for machines; people read it through any JSON log viewer. */
export function createLog(options: LogOptions): Log {
  const config = {
    level: options.level,
    // Host and process id are known to whoever collects the lines.
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
    mixin: () => {
      const context = contexts.getStore();
      return context === undefined ? {} : lineOf(context);
    },
    redact: {
      paths: [
        ...secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
        '*["set-cookie"]',
        '*.*["set-cookie"]',
      ],
      censor: "[hidden]",
    },
  };
  return options.destination === undefined ? pino(config) : pino(config, options.destination);
}

/** The part of a log line that names the request. */
export function lineOf({ requestId, trace }: LogContext): { requestId: string } & Trace {
  return { requestId, ...trace() };
}

const traceparentPattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * A part of the caller's trace when its header is well formed, else the start of a new one. Most
 * requests log nothing and call nobody, so their trace is made when it is first asked for.
 */
export function createLogContext(
  requestId: string,
  options: { traceparent?: string | undefined; random?: RandomFill } = {},
): LogContext {
  let made: Trace | undefined;
  return { requestId, trace: () => (made ??= makeTrace(options)) };
}

function makeTrace(options: { traceparent?: string | undefined; random?: RandomFill }): Trace {
  const parent = parseTraceparent(options.traceparent);
  const bytes = Buffer.alloc(24);
  (options.random ?? cryptoFill)(bytes);
  return {
    traceId: parent?.traceId ?? bytes.toString("hex", 0, 16),
    spanId: bytes.toString("hex", 16),
    sampled: parent?.sampled ?? false,
  };
}

function parseTraceparent(
  header: string | undefined,
): { traceId: string; sampled: boolean } | undefined {
  // A well-formed one has 55 characters; a later version may append to it, not write a novel.
  if (header === undefined || header.length > 128) return undefined;
  const match = traceparentPattern.exec(header);
  if (match === null) return undefined;
  const [, version, traceId = "", parentId = "", flags = "", rest] = match;
  // Version ff is forbidden, version 00 has nothing behind its flags, ids of zeros are invalid.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
