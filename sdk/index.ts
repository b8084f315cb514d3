/**
 * A typed client of the platform's API. The types follow from openapi.json; by hand is only what
 * every caller would write again: the token, keys that make repeating safe, errors, retries, pages.
 */
import createClient from "openapi-fetch";
import type { Client, ClientPathsWithMethod, FetchOptions, MethodResponse } from "openapi-fetch";
import type { components, paths } from "./generated/openapi.ts";
import { TongbaoProblem } from "./problem.ts";
import type { Retries } from "./retries.ts";
import { defaultRetries, fetchWithRetries } from "./retries.ts";
import type { Place, StreamEvent } from "./streams.ts";
import { isStream, readEvents } from "./streams.ts";

export type { components, paths } from "./generated/openapi.ts";
export type { ProblemBody } from "./problem.ts";
export { TongbaoProblem, TongbaoUnreachable } from "./problem.ts";
export type { Retries } from "./retries.ts";
export type { StreamEvent } from "./streams.ts";

/** A thing of the API by its name: `Schema<"Order">`. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

export interface TongbaoOptions {
  /** Where the API is, such as http://127.0.0.1:8080. */
  readonly baseUrl: string;
  /** Or a function that gives it, asked before every request: tokens expire. */
  readonly token?: string | (() => string | Promise<string>);
  /** False where `fetch` repeats by itself; what it rejects with is then the caller's own. */
  readonly retries?: Partial<Retries> | false;
  readonly fetch?: (request: Request) => Promise<Response>;
}

type Method = "get" | "post" | "put" | "patch" | "delete";
type PathsOf<M extends Method> = ClientPathsWithMethod<Client<paths>, M>;
type OptionsOf<Path extends keyof paths, M extends Method> = M extends keyof paths[Path]
  ? FetchOptions<paths[Path][M]>
  : never;
/** Left out where nothing in them is required. */
type Rest<Options> = object extends Options ? [options?: Options] : [options: Options];

interface Answered<Data> {
  readonly data: Data;
  readonly response: Response;
}

/** Gives what the API answers; rejects with TongbaoProblem, or TongbaoUnreachable. */
type Call<M extends Method> = <Path extends PathsOf<M>>(
  path: Path,
  ...options: Rest<OptionsOf<Path, M>>
) => Promise<Answered<MethodResponse<Client<paths>, M, Path>>>;

/** Lists that are read page by page. */
type ListPath = {
  [Path in PathsOf<"get">]: MethodResponse<Client<paths>, "get", Path> extends Page<unknown>
    ? "nextCursor" extends keyof MethodResponse<Client<paths>, "get", Path>
      ? Path
      : never
    : never;
}[PathsOf<"get">];

interface Page<Item> {
  items: Item[];
  nextCursor?: string;
}

type ItemOf<Path extends ListPath> =
  MethodResponse<Client<paths>, "get", Path> extends Page<infer Item> ? Item : never;

/** What each stream tells, which openapi.json can say in words only. */
interface Told {
  "/v1/sales/{saleId}/tickets/{ticketId}/events": Schema<"Ticket">;
}

export interface Tongbao {
  readonly GET: Call<"get">;
  readonly POST: Call<"post">;
  readonly PUT: Call<"put">;
  readonly PATCH: Call<"patch">;
  readonly DELETE: Call<"delete">;
  /** All items of a list, a page at a time and only as far as somebody reads. */
  list<Path extends ListPath>(
    path: Path,
    ...options: Rest<OptionsOf<Path, "get">>
  ): AsyncGenerator<ItemOf<Path>, void, undefined>;
  /**
   * The events of a stream until nothing more comes. A connection that ends or is lost is opened
   * again after the pause that the platform names, behind the event heard last. Rejects as a
   * request does when that fails, and with the reason of the signal that ends it.
   */
  follow<Path extends keyof Told>(
    path: Path,
    ...options: Rest<OptionsOf<Path, "get">>
  ): AsyncGenerator<StreamEvent<Told[Path]>, void, undefined>;
}

export function createTongbao(options: TongbaoOptions): Tongbao {
  const { baseUrl, token, retries } = options;
  const send = options.fetch ?? ((request: Request) => fetch(request));
  const client = createClient<paths>({
    baseUrl,
    fetch: retries === false ? send : fetchWithRetries(send, retries),
  });
  client.use({
    async onRequest({ request }) {
      const bearer = typeof token === "function" ? await token() : token;
      if (bearer !== undefined) request.headers.set("authorization", `Bearer ${bearer}`);
      // One key for all tries of this request: a repeated one gets the first answer again.
      const isKeyed = [keyHeader, submitHeader].some((name) => request.headers.has(name));
      if (request.method !== "GET" && !isKeyed) request.headers.set(keyHeader, newKey());
    },
    async onResponse({ response }) {
      if (!response.ok) throw await TongbaoProblem.of(response);
    },
  });
  // What is not a success has been thrown, so that nothing but `data` is left of the answer.
  const { GET, POST, PUT, PATCH, DELETE } = client as Omit<Tongbao, "list" | "follow">;

  async function* list(path: string, given: ListOptions = {}) {
    const get = GET as (path: string, options: ListOptions) => Promise<Answered<Page<unknown>>>;
    let cursor = given.params?.query?.["cursor"];
    do {
      const query = { ...given.params?.query, ...(cursor === undefined ? {} : { cursor }) };
      const { data } = await get(path, { ...given, params: { ...given.params, query } });
      yield* data.items;
      cursor = data.nextCursor;
    } while (cursor !== undefined);
  }

  async function* follow(path: string, given: FollowOptions = {}) {
    const get = GET as (path: string, options: FollowOptions) => Promise<Answered<unknown>>;
    const { pause, timeoutMs } = { ...defaultRetries, ...(retries === false ? {} : retries) };
    const { params, signal = new AbortController().signal } = given;
    const place: Place = { lastId: params?.header?.[lastHeader], pauseMs: unnamedPauseMs };
    for (;;) {
      const last = place.lastId === undefined ? {} : { [lastHeader]: place.lastId };
      const header = { ...params?.header, ...last };
      const asked = { ...given, parseAs: "stream", params: { ...params, header } } as const;
      const { response } = await get(path, asked);
      // The answer for who has heard the last event.
      if (response.status === 204 || response.body === null) return;
      if (!isStream(response)) throw new TypeError(`${path} did not answer with an event stream`);
      yield* readEvents(response.body, { place, silentMsMax: timeoutMs, signal });
      // Not all at once, when it was one process that they have lost.
      await pause(place.pauseMs * (1 + Math.random() / 2), signal);
    }
  }

  return {
    GET,
    POST,
    PUT,
    PATCH,
    DELETE,
    list: list as Tongbao["list"],
    follow: follow as Tongbao["follow"],
  };
}

const keyHeader = "idempotency-key";
/** A key that the platform has made for a page; the two never go together. */
const submitHeader = "submit-token";
const lastHeader = "Last-Event-ID";
/** Until the platform has named one. */
const unnamedPauseMs = 2_000;

/** 128 random bits. `randomUUID` would want a page that came over https. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

interface ListOptions {
  readonly params?: { readonly query?: Readonly<Record<string, unknown>> };
}

interface FollowOptions {
  readonly parseAs?: "stream";
  readonly signal?: AbortSignal;
  readonly params?: { readonly header?: { readonly [lastHeader]?: string } };
}
