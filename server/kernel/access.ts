import type { FastifyRequest, RouteOptions } from "fastify";
import { BugError, required } from "./assert.ts";
import { edgeRefusal } from "./problem.ts";
import { RefusedError } from "./refusal.ts";

/** Who is asking, proven by a token. The tenant comes from there and from nowhere else. */
export interface Principal {
  readonly tenantId: string;
  readonly kind: "admin" | "service" | "member";
  /** The name of the token's owner; with the tenant it is unique. */
  readonly subject: string;
  /** Present for members, who act for themselves only. */
  readonly memberId?: string;
  readonly scopes: ReadonlySet<string>;
  /** When the token's time is over, for what outlives a request. */
  readonly expiresAt?: number;
}

/**
 * Proves the token of a request, or throws a RefusedError. It may answer at once: a token that was
 * proven a moment ago needs no promise.
 */
export type Authenticate = (request: FastifyRequest) => Principal | Promise<Principal>;

declare module "fastify" {
  interface FastifyContextConfig {
    /** What a token must allow, such as "orders:write". A route has this or `public`. */
    scope?: string;
    /** Open to everybody: health, documents, sign-in, notices that prove themselves. */
    public?: true;
    /** The body is handed over as the bytes that came, of any type: signatures cover them. */
    rawBody?: true;
    /** Open for minutes and mostly idle: not one of the requests in flight, which are bounded. */
    stream?: true;
    /** Answered even when the platform is at its limit: who watches it must see that. */
    alwaysAnswered?: true;
    /** Requests a second of one address, for public routes that invite guessing. */
    addressPerSecondMax?: number;
  }
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

/** A route that says neither who may use it nor that everybody may is a mistake, found at start. */
export function assertAccessStated({ method, url, config, schema }: RouteOptions): void {
  const stated = (config?.scope !== undefined) !== (config?.public === true);
  if (!stated) throw new BugError(`${String(method)} ${url} must have either a scope or public`);
  // The walk of the tests over all routes reads them off the document.
  const isUnseen = config?.scope !== undefined && schema?.hide === true;
  if (isUnseen) throw new BugError(`${String(method)} ${url} has a scope and is not documented`);
}

export function assertScope(principal: Principal, scope: string): void {
  if (principal.scopes.has(scope)) return;
  throw new RefusedError(edgeRefusal("not_allowed", { scope }));
}

/** Of a route with a scope, where the principal is always there. */
export function principalOf(request: FastifyRequest): Principal {
  return required(request.principal, "the principal of a route with a scope");
}
