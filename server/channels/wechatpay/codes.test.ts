import { expect, test } from "vitest";
import { answerOfError } from "./codes.ts";

test.each([
  [400, "PARAM_ERROR", "bad_request"],
  [400, "INVALID_REQUEST", "bad_request"],
  [400, "APPID_MCHID_NOT_MATCH", "bad_request"],
  [400, "MCH_NOT_EXISTS", "bad_request"],
  [400, "ORDER_CLOSED", "already_closed"],
  [400, "ORDERCLOSED", "already_closed"],
  [400, "ORDER_PAID", "already_paid"],
  [400, "ORDERPAID", "already_paid"],
  [401, "SIGN_ERROR", "not_authorized"],
  [401, "ANY_OTHER", "not_authorized"],
  [403, "NO_AUTH", "not_authorized"],
  [403, "OUT_TRADE_NO_USED", "number_reused"],
  [403, "NOT_ENOUGH", "not_enough_funds"],
  [403, "NOTENOUGH", "not_enough_funds"],
  [403, "RULE_LIMIT", "rejected"],
  [403, "TRADE_ERROR", "rejected"],
  [403, "USER_ACCOUNT_ABNORMAL", "rejected"],
  [403, "REQUEST_BLOCKED", "rejected"],
  [404, "ORDER_NOT_EXIST", "not_found"],
  [404, "ORDERNOTEXIST", "not_found"],
  [404, "RESOURCE_NOT_EXISTS", "not_found"],
] as const)("%i %s is final: %s", (status, code, reason) => {
  for (const movesMoney of [true, false]) {
    expect(answerOfError({ status, code, message: "anything" }, { movesMoney })).toEqual({
      kind: "refused",
      reason,
      channelCode: code,
      channelMessage: "anything",
    });
  }
});

test.each([
  [429, "FREQUENCY_LIMITED"],
  [429, "RATELIMIT_EXCEEDED"],
  [429, "ANY_OTHER"],
  [500, "SYSTEM_ERROR"],
  [500, "SYSTEMERROR"],
  [500, "BANKERROR"],
  [500, "BANK_ERROR"],
  [500, "ANY_OTHER"],
  [502, "SERVICE_UNAVAILABLE"],
  [503, "SERVICE_UNAVAILABLE"],
  // The code decides, also under a status that usually is final.
  [400, "SYSTEM_ERROR"],
  [403, "FREQUENCY_LIMITED"],
])("%i %s leaves open what happened", (status, code) => {
  const error = { status, code, message: "订单已支付", retryAfterMs: 3_000 };
  expect(answerOfError(error, { movesMoney: false })).toMatchObject({
    kind: "unknown",
    retryAfterMs: 3_000,
  });
});

test("an unknown code of a 4xx is final, but not where money moves", () => {
  const error = { status: 403, code: "SOMETHING_NEW", message: "" };
  expect(answerOfError(error, { movesMoney: false })).toMatchObject({ reason: "rejected" });
  expect(answerOfError(error, { movesMoney: true }).kind).toBe("unknown");
});

test("an error without a code is not WeChat Pay's and settles nothing", () => {
  expect(answerOfError({ status: 403, message: "" }, { movesMoney: false }).kind).toBe("unknown");
});
