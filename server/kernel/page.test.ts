import Type from "typebox";
import { afterEach, expect, test } from "vitest";
import { refusals } from "../refusals.ts";
import { encodeCursor, pageOf, pageQuery, readPage, toPage } from "./page.ts";
import { createTestHttp } from "./testing/http.ts";

interface Row {
  readonly at: number;
  readonly id: string;
}

const rows: Row[] = Array.from({ length: 45 }, (_, at) => ({
  at: Math.floor(at / 3),
  id: `i${at}`,
}));

function isAfter(row: Row, [at, id]: readonly [number, string]): boolean {
  return row.at > at || (row.at === at && Number(row.id.slice(1)) > Number(id.slice(1)));
}

let stop: (() => Promise<void>) | undefined;
afterEach(async () => await stop?.());

async function start() {
  const { http } = await createTestHttp({ refusals });
  stop = http.stop;
  const item = Type.Object({ id: Type.String() });
  const schema = { querystring: Type.Object(pageQuery), response: { 200: pageOf(item) } };
  http.app.get("/rows", { config: { public: true }, schema }, ({ query }) => {
    const page = readPage<[number, string]>(query, ["number", "string"], ([at]) => at >= 0);
    const { after } = page;
    const found = after === undefined ? rows : rows.filter((row) => isAfter(row, after));
    return toPage(found.slice(0, page.rowsMax), page, {
      key: ({ at, id }) => [at, id],
      view: ({ id }) => ({ id }),
    });
  });
  return async (query: string) => (await http.app.inject({ url: `/rows${query}` })).json();
}

test("pages follow each other without a gap or a repetition", async () => {
  const get = await start();
  const seen: string[] = [];
  const sizes: number[] = [];
  for (let query: string | undefined = ""; query !== undefined;) {
    const page = await get(query);
    sizes.push(page.items.length);
    seen.push(...page.items.map(({ id }: { id: string }) => id));
    query = page.nextCursor === undefined ? undefined : `?cursor=${page.nextCursor}`;
  }
  expect(sizes).toEqual([20, 20, 5]);
  expect(seen).toEqual(rows.map(({ id }) => id));
});

test("a page that ends with the list has no next one", async () => {
  const get = await start();
  const page = await get("?limit=45");
  expect(page.items).toHaveLength(45);
  expect(page).not.toHaveProperty("nextCursor");
});

test("the size of a page is bounded", async () => {
  const get = await start();
  for (const limit of [0, 101, -1])
    expect((await get(`?limit=${limit}`)).errors).toMatchObject([{ field: "limit" }]);
});

test.each([
  ["rubbish", "rubbish"],
  ["a key of another list", encodeCursor(["x"])],
  ["parts of other types", encodeCursor(["1", 2])],
  ["an object", Buffer.from('{"length":2}').toString("base64url")],
  ["a NUL in a text", encodeCursor([1, "a\0"])],
  ["a part that no row has", encodeCursor([-1, "a"])],
  ["a number that is none", Buffer.from('[1e999,"a"]').toString("base64url")],
])("a cursor that the list did not give is refused: %s", async (_, cursor) => {
  const get = await start();
  const problem = await get(`?cursor=${cursor}`);
  expect(problem).toMatchObject({ status: 400, code: "invalid_request" });
  expect(problem.errors).toMatchObject([{ field: "cursor" }]);
});
