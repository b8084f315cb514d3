import { expect, onTestFinished, test } from "vitest";
import { refusals } from "../refusals.ts";
import { createTestHttp } from "./testing/http.ts";

const authorization = "Bearer t1/till/things:write";
const write = { config: { scope: "things:write" } } as const;

test("while the queue is full, commands are sent off at the door and reading goes on", async () => {
  let isFull = true;
  let entered = 0;
  const { http } = await createTestHttp({ refusals });
  onTestFinished(() => http.stop());
  const { app } = http;
  app.post("/v1/things", write, () => ({ entered: (entered += 1) }));
  app.post("/v1/notices", { config: { public: true, rawBody: true } }, () => ({ taken: true }));
  app.get("/v1/things", write, () => ({ read: true }));
  const post = (payload: string, given: Record<string, string>) =>
    app.inject({
      method: "POST",
      url: "/v1/things",
      headers: { "content-type": "application/json", ...given },
      payload,
    });
  http.registerBrake(() => isFull);
  // Neither body nor token is looked at.
  const headers = { authorization: "nobody's", "x-request-id": "r-1" };
  const replies = [];
  for (let count = 0; count < 6; count += 1) replies.push(await post("{", { ...headers }));
  expect(new Set(replies.map(({ statusCode }) => statusCode))).toEqual(new Set([503]));
  // A crowd does not come back as one.
  const seconds = replies.map(({ headers: sent }) => Number(sent["retry-after"]));
  expect(seconds.toSorted()).toEqual([1, 1, 2, 2, 3, 3]);
  const [first] = replies;
  expect(first?.headers).toMatchObject({
    "content-type": "application/problem+json; charset=utf-8",
    "x-request-id": "r-1",
    "cache-control": "no-store",
  });
  expect(first?.json()).toMatchObject({
    code: "overloaded",
    instance: "/v1/things",
    requestId: "r-1",
    facts: { retryAfterSeconds: seconds[0] },
  });
  const read = { method: "GET", url: "/v1/things", headers: { authorization } } as const;
  expect((await app.inject(read)).json()).toEqual({ read: true });
  expect((await app.inject({ method: "POST", url: "/v1/notices" })).json()).toEqual({
    taken: true,
  });
  expect((await app.inject({ url: "/metrics" })).body).toContain(
    'tongbao_http_shed_total{reason="overloaded"} 6',
  );
  expect(entered).toBe(0);
  isFull = false;
  expect((await post("{}", { authorization })).json()).toEqual({ entered: 1 });
});
