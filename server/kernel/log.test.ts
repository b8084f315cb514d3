import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { createLog, createLogContext, currentTraceparent, withLogContext } from "./log.ts";

function logIntoMemory() {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  return { log: createLog({ level: "debug", destination }), lines };
}

test("every line of a request carries its ids, over awaits, and no other request's", async () => {
  const { log, lines } = logIntoMemory();
  const work = (requestId: string) =>
    withLogContext(createLogContext(requestId), async () => {
      await turn();
      log.info({ of: requestId }, "worked");
    });
  await Promise.all([work("a"), work("b")]);
  log.info("outside");
  expect(lines.map(({ of, requestId }) => [of, requestId])).toEqual([
    ["a", "a"],
    ["b", "b"],
    [undefined, undefined],
  ]);
  expect(lines[0]?.["traceId"]).toMatch(/^[0-9a-f]{32}$/);
});

test("secrets are hidden wherever an object carries them", () => {
  const { log, lines } = logIntoMemory();
  log.warn({ authorization: "Bearer x1", headers: { authorization: "Bearer x2", host: "h" } }, "a");
  log.warn({ channel: { config: { privateKey: "x3", merchantId: "m" } }, password: "x4" }, "b");
  log.warn({ response: { headers: { "set-cookie": ["x5"] } } }, "c");
  expect(JSON.stringify(lines)).not.toMatch(/x[1-5]/);
  expect(lines[0]?.["headers"]).toEqual({ authorization: "[hidden]", host: "h" });
});

test("an error is logged with its message, stack and cause", () => {
  const { log, lines } = logIntoMemory();
  log.error({ error: new Error("outer", { cause: new Error("inner") }) }, "failed");
  expect(lines[0]).toMatchObject({ level: "error", error: { type: "Error" } });
  expect(JSON.stringify(lines[0])).toContain("inner");
});

test("a trace of the caller goes on under a span of ours", () => {
  const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const context = createLogContext("r", { traceparent: parent });
  const { traceId, spanId } = context.trace();
  expect(traceId).toBe("4bf92f3577b34da6a3ce929d0e0e4736");
  expect(spanId).not.toBe("00f067aa0ba902b7");
  expect(withLogContext(context, currentTraceparent)).toBe(`00-${traceId}-${spanId}-01`);
  expect(currentTraceparent()).toBeUndefined();
});

test.each([
  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
  "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
  "nonsense",
])("a malformed traceparent starts a new trace: %s", (header) => {
  const random = (bytes: Buffer) => void bytes.fill(0xab);
  const { trace } = createLogContext("r", { traceparent: header, random });
  expect(trace()).toEqual({
    traceId: "ab".repeat(16),
    spanId: "ab".repeat(8),
    sampled: false,
  });
});
