import Type from "typebox";
import type { TSchema } from "typebox";
import type { Id } from "./ids.ts";
import { isId } from "./ids.ts";
import { RefusedError } from "./refusal.ts";
import { checkedId } from "./shapes.ts";
import { invalidRequest } from "./validation.ts";

/**
 * Lists are read page by page along a key (`where (created_at, id) < ($2, $3)`), never by offset:
 * every page costs the same, and what is added meanwhile shifts nothing. The cursor is the key of
 * the last row, opaque to the caller. It is no secret and grants nothing: the query behind it asks
 * for the tenant as every other does.
 */
export const pageSizeDefault = 20;
export const pageSizeMax = 100;
/** A key of some columns, in base64. */
const cursorLengthMax = 512;

/** Spread into a route's query: `Type.Object({ state, ...pageQuery })`. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: pageSizeMax,
      description: `${pageSizeDefault} if absent.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({ maxLength: cursorLengthMax, description: "`nextCursor` of the page before." }),
  ),
};

export interface PageRequest<Key extends readonly CursorPart[]> {
  readonly limit: number;
  /** One more than the page shows: whether it comes tells whether there is a next page. */
  readonly rowsMax: number;
  /** The key of the last row that the caller has seen. */
  readonly after: Key | undefined;
}

export type CursorPart = string | number;

/** The types of a key's parts, in order. */
type KindOf<Part> = Part extends string ? "string" : "number";
export type KeyKinds<Key extends readonly CursorPart[]> = {
  readonly [At in keyof Key]: KindOf<Key[At]>;
};

/**
 * Takes a checked query; refuses a cursor that this list did not give. `isGenuine` looks at parts
 * that are more than text, such as ids: PostgreSQL must not be the one to stumble over them.
 */
export function readPage<Key extends readonly CursorPart[]>(
  query: { limit?: number; cursor?: string },
  kinds: KeyKinds<Key>,
  isGenuine: (key: Key) => boolean = () => true,
): PageRequest<Key> {
  const limit = query.limit ?? pageSizeDefault;
  const after =
    query.cursor === undefined ? undefined : decodeCursor<Key>(query.cursor, kinds, isGenuine);
  return { limit, rowsMax: limit + 1, after };
}

/** Of a list that runs along ids: the page, and the id of the last row that the caller has seen. */
export function readIdPage<Name extends string>(query: {
  limit?: number;
  cursor?: string;
}): {
  readonly page: PageRequest<[string]>;
  readonly seen: Id<Name> | undefined;
} {
  const page = readPage<[string]>(query, ["string"], ([key]) => isId(key));
  return { page, seen: page.after && checkedId<Name>(page.after[0]) };
}

export interface Page<Item> {
  items: Item[];
  /** Absent on the last page. */
  nextCursor?: string;
}

/** Makes a page of up to `rowsMax` rows. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  page: { readonly limit: number },
  make: { key: (row: Row) => readonly CursorPart[]; view: (row: Row) => Item },
): Page<Item> {
  const shown = rows.slice(0, page.limit);
  const items = shown.map(make.view);
  const last = shown.at(-1);
  if (rows.length <= page.limit || last === undefined) return { items };
  return { items, nextCursor: encodeCursor(make.key(last)) };
}

/** The schema of a page of something. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    nextCursor: Type.Optional(Type.String({ description: "Absent on the last page." })),
  });
}

export function encodeCursor(key: readonly CursorPart[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

function decodeCursor<Key extends readonly CursorPart[]>(
  cursor: string,
  kinds: KeyKinds<Key>,
  isGenuine: (key: Key) => boolean,
): Key {
  const key = parse(cursor);
  if (!isKey<Key>(key, kinds) || !isGenuine(key)) {
    const problem = { field: "cursor", problem: "is not one that this list gave" };
    throw new RefusedError(
      invalidRequest([{ ...problem, allowed: "nextCursor of the page before" }], "querystring"),
    );
  }
  return key;
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

function isKey<Key extends readonly CursorPart[]>(
  value: unknown,
  kinds: KeyKinds<Key>,
): value is Key {
  if (!Array.isArray(value) || value.length !== kinds.length) return false;
  return value.every((part: unknown, at) => {
    // A NUL would pass here and fail in PostgreSQL.
    if (typeof part === "string" && part.includes("\0")) return false;
    // JSON reads 1e999 as infinity.
    return typeof part === kinds[at] && (typeof part === "string" || Number.isFinite(part));
  });
}
