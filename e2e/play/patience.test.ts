import { expect, test } from "vitest";
import { createPatience, judgeWaits, NobodyListens, NoReply } from "./patience.ts";

const address = "http://127.0.0.1:20001";
const path = "/v1/orders/1/payments";

/** Somebody who asks, and the fates of the tries in order; then all is well. Time is its own. */
function openPatience(fates: readonly (() => Response)[], patienceMs = 180_000) {
  let nowMs = 5_000;
  const keys: (string | null)[] = [];
  const left = [...fates];
  const patience = createPatience({
    patienceMs,
    timeoutMs: 20_000,
    pauseMsMax: 500,
    now: () => nowMs,
    pause: async (ms) => void (nowMs += ms),
  });
  const fetch = patience.over(async ({ headers }) => {
    keys.push(headers.get("idempotency-key"));
    const fate = left.shift();
    nowMs += 100;
    return fate?.() ?? Response.json({ id: "1" }, { status: 201 });
  });
  const init = { method: "POST", body: "{}", headers: { "idempotency-key": "k" } };
  return {
    standStill: (ms: number) => void (nowMs += ms),
    ask: () => fetch(new Request(`${address}${path}`, init)),
    judged: () => judgeWaits(patience.waits),
    keys,
  };
}

const down = () => {
  throw new NobodyListens(new Error("connect ECONNREFUSED"));
};
const cut = () => {
  throw new NoReply(address, new Error("fetch failed", { cause: new Error("other side closed") }));
};
const later = () => {
  const init = { status: 503, headers: { "retry-after": "5" } };
  const response = Response.json({ code: "channel_unavailable", facts: {} }, init);
  return Object.defineProperty(response, "url", { value: `${address}${path}` });
};
const times = (count: number, fate: () => Response) => Array.from({ length: count }, () => fate);

test("who is answered at once has not waited", async () => {
  const { ask, judged } = openPatience([]);
  expect((await ask()).status).toBe(201);
  expect(judged()).toEqual({
    sentence: "everybody was answered at once",
    contradictions: [],
  });
});

test("asks as often as time allows, under one key", async () => {
  const { ask, judged, keys } = openPatience(times(250, down));
  expect((await ask()).status).toBe(201);
  expect(keys).toEqual(times(251, down).map(() => "k"));
  expect(judged().contradictions).toEqual([]);
  expect(judged().sentence).toMatch(
    /^everybody was answered, at the latest POST \/v1\/orders\/1\/payments after 1[45]\d\.\d s and 250 tries: /,
  );
});

test("who stands still for an hour in the middle of a try loses one try's time", async () => {
  const { ask, judged, standStill } = openPatience([
    ...times(10, down),
    sleepy,
    ...times(20, down),
  ]);
  function sleepy(): Response {
    standStill(3_600_000);
    return down();
  }
  expect((await ask()).status).toBe(201);
  expect(judged().contradictions).toEqual([]);
  expect(judged().sentence).toMatch(/ after 36\d\d\.\d s and 31 tries: /);
});

test("a request that nobody answers says what became of each try", async () => {
  const { ask, judged } = openPatience(
    [cut, ...times(3, later), ...times(4, down), cut, ...times(99, down)],
    6_000,
  );
  const error = await ask().catch((reason: unknown) => reason);
  if (!(error instanceof Error)) throw new Error("it must be given up");
  expect(error.message).toMatch(/^no answer to POST \/v1\/orders\/1\/payments after 6\.\d s and /);
  const [, runs = ""] = error.message.split(" tries: ");
  expect(runs.replaceAll(/from \d\.\d s/g, "from then")).toMatch(
    new RegExp(
      [
        String.raw`^from then 1 times fetch failed \(other side closed\) by 20001 \(0\.1 to 0\.1 s each\)`,
        String.raw`from then 3 times 503 channel_unavailable by 20001 \(0\.1 to 0\.1 s each\)`,
        String.raw`from then 4 times nobody listens \(0\.1 to 0\.1 s each\)`,
        String.raw`from then 1 times fetch failed \(other side closed\) by 20001 \(0\.1 to 0\.1 s each\)`,
        String.raw`from then [1-4] times nobody listens \(0\.1 to 0\.1 s each\)$`,
      ].join(", "),
    ),
  );
  expect(judged().contradictions).toEqual([error.message]);
});

test("the longest of those that were answered is told", async () => {
  const { ask, judged } = openPatience([...times(2, cut)]);
  await ask();
  await ask();
  expect(judged().sentence).toMatch(/after 0\.\d s and 2 tries: from 0\.0 s 2 times fetch failed/);
});

test("a refusal is an answer", async () => {
  const { ask, keys } = openPatience([() => new Response("{}", { status: 409 })]);
  expect((await ask()).status).toBe(409);
  expect(keys).toHaveLength(1);
});
