import Type from "typebox";
import { asFault, FaultError, OverloadFault } from "./database.ts";
import type { Facts, FactValue, Refusal, RefusalEntry } from "./refusal.ts";
import { RefusedError, titleFor } from "./refusal.ts";
import { assert, required } from "./assert.ts";

/** The refusals that the edge itself makes; every table of refusals has them. */
export type EdgeRefusalCode =
  | "invalid_request"
  | "idempotency_key_missing"
  | "not_signed_in"
  | "not_allowed"
  | "route_not_found"
  | "body_too_large"
  | "unsupported_media_type"
  | "rate_limited"
  | "too_many_streams"
  | "overloaded"
  | "unavailable";

export type RefusalTable = Readonly<Record<EdgeRefusalCode, RefusalEntry>> &
  Readonly<Record<string, RefusalEntry>>;

/** RFC 9457. What is not a refusal but a bug of ours has the code `internal_error`. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: "Where the code is explained." }),
    title: Type.String({ description: "What was refused, in one sentence with its facts." }),
    status: Type.Integer(),
    code: Type.String({ description: "Stable: programs decide by it." }),
    instance: Type.String({ description: "The path of the request." }),
    requestId: Type.String({ description: "Names this request in the logs." }),
    facts: Type.Record(Type.String(), Type.Unknown(), { description: "What the rule saw." }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          field: Type.String(),
          problem: Type.String(),
          allowed: Type.Optional(Type.String()),
        }),
        { description: "Each wrong field and what is allowed there." },
      ),
    ),
  },
  { title: "Problem" },
);

export const problemContentType = "application/problem+json; charset=utf-8";

export interface ProblemReply {
  readonly status: number;
  /** Seconds; for the header of that name. */
  readonly retryAfter?: number;
  readonly body: string;
}

export interface ProblemPlace {
  /** The request's path, without its query: a query may carry what belongs to nobody else. */
  readonly path: string;
  readonly requestId: string;
}

export const refusalsPath = "/docs/refusals";
export const internalErrorTitle = "Something went wrong here; quote the request id to support.";

export function problemOfRefusal(
  refusals: RefusalTable,
  refusal: Refusal,
  place: ProblemPlace,
): ProblemReply {
  const entry = required(refusals[refusal.code], `the refusal ${refusal.code}`);
  const { status } = entry;
  const { errors, ...facts } = refusal.facts;
  const body = problemBody(place, {
    title: fill(titleFor(entry, refusal.facts), refusal.facts),
    status,
    code: refusal.code,
    facts,
    ...(errors === undefined ? {} : { errors }),
  });
  const seconds = facts["retryAfterSeconds"];
  if (typeof seconds === "number") return { status, body, retryAfter: seconds };
  return status === 503 ? { status, body, retryAfter: 1 } : { status, body };
}

/** For a refusal that is sent very often: but for the place, its text is put together once. */
export function prepareProblem(
  refusals: RefusalTable,
  refusal: Refusal,
): { readonly status: number; readonly bodyFor: (place: ProblemPlace) => string } {
  const anywhere = { path: "/", requestId: "-" };
  const { status, body } = problemOfRefusal(refusals, refusal, anywhere);
  const [before, after] = body.split(placeText(anywhere));
  assert(after !== undefined, "a problem says where");
  return { status, bodyFor: (place) => `${before}${placeText(place)}${after}` };
}

/** Of JSON; request ids have no characters that it escapes. */
function placeText({ path, requestId }: ProblemPlace): string {
  return `"instance":${JSON.stringify(path)},"requestId":"${requestId}"`;
}

export function problemOfBug(place: ProblemPlace): ProblemReply {
  const bug = { title: internalErrorTitle, status: 500, code: "internal_error", facts: {} };
  return { status: 500, body: problemBody(place, bug) };
}

/**
 * The refusal that an error stands for; undefined for a bug. The framework's own errors are about
 * the form of the request.
 */
export function refusalOfError(error: unknown, bodyBytesMax: number): Refusal | undefined {
  if (error instanceof RefusedError) return error.refusal;
  if (isAbortedUpload(error)) return malformed("the body ended early");
  const fault = asFault(error);
  if (fault instanceof FaultError) {
    const retryAfterSeconds = Math.max(1, Math.ceil(fault.retryAfterMs / 1000));
    const code = fault instanceof OverloadFault ? "overloaded" : "unavailable";
    return edgeRefusal(code, { retryAfterSeconds });
  }
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  switch (code) {
    case "FST_ERR_CTP_BODY_TOO_LARGE":
      return edgeRefusal("body_too_large", { limit: bodyBytesMax });
    case "FST_ERR_CTP_INVALID_MEDIA_TYPE":
      return edgeRefusal("unsupported_media_type");
    case "FST_ERR_CTP_INVALID_CONTENT_LENGTH":
      return malformed("the body is shorter or longer than Content-Length says");
    case "FST_ERR_CTP_INVALID_JSON_BODY":
      return malformed("the body is not JSON");
    case "FST_ERR_BAD_URL":
      return malformed("the address is not a valid URL");
    case "FST_ERR_MAX_PARAM_LENGTH":
      return edgeRefusal("route_not_found");
    default:
      return undefined;
  }
}

export function edgeRefusal(code: EdgeRefusalCode, facts: Facts = {}): Refusal {
  return { kind: "refused", code, facts };
}

export function malformed(detail: string): Refusal {
  return edgeRefusal("invalid_request", { detail });
}

/**
 * Nobody reads this reply; it keeps a caller who hung up from counting as a bug of ours, or as a
 * database that hung up: the framework gives what went wrong with a body a status, and no other.
 */
function isAbortedUpload(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error && "statusCode" in error)) return false;
  return error.code === "ECONNRESET" || error.code === "ERR_STREAM_PREMATURE_CLOSE";
}

function problemBody(
  { path, requestId }: ProblemPlace,
  problem: { title: string; status: number; code: string; facts: Facts; errors?: FactValue },
): string {
  const { title, status, code, ...rest } = problem;
  const type = `${refusalsPath}#${code}`;
  return JSON.stringify(
    { type, title, status, code, instance: path, requestId, ...rest },
    integers,
  );
}

/** Bigints leave as JSON integers; past 2^53 as text, or readers would change the last digits. */
function integers(_key: string, value: unknown): unknown {
  if (typeof value !== "bigint") return value;
  return BigInt.asIntN(54, value) === value ? Number(value) : value.toString();
}

function fill(title: string, facts: Facts): string {
  return title.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const fact = facts[name];
    if (fact === undefined) return name;
    return typeof fact === "object" ? JSON.stringify(fact, integers) : String(fact);
  });
}
