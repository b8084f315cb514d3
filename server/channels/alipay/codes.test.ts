import { expect, test } from "vitest";
import { answerOfError } from "./codes.ts";

test.each([
  ["40004", "ACQ.TRADE_NOT_EXIST", "not_found"],
  ["40004", "ACQ.TRADE_HAS_SUCCESS", "already_paid"],
  ["40004", "ACQ.TRADE_HAS_FINISHED", "already_paid"],
  ["40004", "ACQ.TRADE_HAS_CLOSE", "already_closed"],
  ["40004", "ACQ.TRADE_STATUS_ERROR", "rejected"],
  ["40004", "ACQ.CONTEXT_INCONSISTENT", "number_reused"],
  ["40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "number_reused"],
  ["40004", "ACQ.INVALID_PARAMETER", "bad_request"],
  ["40004", "ACQ.PARTNER_ERROR", "not_authorized"],
  ["40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", "not_enough_funds"],
  ["40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "rejected"],
  ["40004", "ACQ.REASON_TRADE_BEEN_FREEZEN", "rejected"],
  ["40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR", "rejected"],
  ["40001", "isv.missing-method", "bad_request"],
  ["40002", "isv.invalid-timestamp", "bad_request"],
  ["40002", "isv.invalid-signature", "not_authorized"],
  ["40002", "isv.invalid-app-id", "not_authorized"],
  ["40003", "", "bad_request"],
  ["40006", "isv.insufficient-isv-permissions", "not_authorized"],
  ["20001", "aop.invalid-auth-token", "not_authorized"],
] as const)("%s %s is final: %s", (code, subCode, reason) => {
  for (const movesMoney of [true, false]) {
    const answer = answerOfError({ code, subCode, message: "anything" }, { movesMoney });
    expect(answer).toMatchObject({ kind: "refused", reason, channelMessage: "anything" });
  }
});

test.each([
  ["20000", "isp.unknow-error"],
  ["20000", "aop.unknow-error"],
  ["40004", "ACQ.SYSTEM_ERROR"],
  ["40004", "aop.ACQ.SYSTEM_ERROR"],
  ["40004", "SYSTEM_ERROR"],
  ["40005", "isv.call-limited"],
  ["10003", ""],
  ["99999", ""],
])("%s %s leaves open what happened", (code, subCode) => {
  const error = { code, subCode, message: "交易不存在" };
  expect(answerOfError(error, { movesMoney: false }).kind).toBe("unknown");
});

test("an unknown sub code is final, but not where money moves", () => {
  const error = { code: "40004", subCode: "ACQ.SOMETHING_NEW", message: "" };
  expect(answerOfError(error, { movesMoney: false })).toMatchObject({ reason: "rejected" });
  expect(answerOfError(error, { movesMoney: true }).kind).toBe("unknown");
});
