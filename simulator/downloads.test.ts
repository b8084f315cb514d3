import { expect, test } from "vitest";
import { createDownloads } from "./downloads.ts";

const file = (usableUntil: number) => ({
  merchantId: "1900000001",
  bytes: Buffer.from("茶"),
  usableUntil,
});

test("a file is there under its token until its time is over", () => {
  let now = 1_000;
  const downloads = createDownloads(() => now);
  const token = downloads.keep(file(2_000));
  now = 2_000;
  expect(downloads.take(token)).toEqual(file(2_000));
  expect(downloads.take(`${token}0`)).toBeUndefined();
  now = 2_001;
  expect(downloads.take(token)).toBeUndefined();
});

test("of more files than are kept the oldest goes", () => {
  const downloads = createDownloads(() => 0);
  const tokens = Array.from({ length: 21 }, () => downloads.keep(file(1)));
  expect(tokens.filter((token) => downloads.take(token) === undefined)).toEqual([tokens[0]]);
});
