import { expect, test } from "vitest";
import { encodeGbk } from "./gbk.ts";

test("writes what is known of GB 2312 and of GBK beyond it", () => {
  expect(encodeGbk("支付宝交易号").toString("hex")).toBe("d6a7b8b6b1a6bdbbd2d7bac5");
  expect(encodeGbk("A（元）\r\n").toString("hex")).toBe("41a3a8d4aaa3a90d0a");
  // 镕 has a place only in GBK; the ideographic space has two, and the first is the usual one.
  expect(encodeGbk("镕\u3000").toString("hex")).toBe("e946a1a1");
});

test("every character of the first plane comes back as it was or as a question mark", () => {
  const reader = new TextDecoder("gbk");
  let places = 0;
  for (let code = 0; code < 0xd800; code += 1) {
    const character = String.fromCodePoint(code);
    const back = reader.decode(encodeGbk(character), { stream: false });
    if (back === character) places += 1;
    else if (code !== 0x3f) expect(back).toBe("?");
  }
  expect(places).toBeGreaterThan(21_000);
});

test("what has no place in it is a question mark", () => {
  expect(encodeGbk("茶🍵é").toString("latin1")).toBe(
    `${encodeGbk("茶").toString("latin1")}?\xa8\xa6`,
  );
});
