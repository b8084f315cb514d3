import { expect, test } from "vitest";
import { createProgress } from "./progress.ts";

function recorded(isTTY: boolean) {
  let written = "";
  let at = 0;
  const output = { isTTY, write: (text: string) => (written += text) };
  const progress = createProgress(output, () => at);
  return { progress, written: () => written, pass: (ms: number) => (at += ms) };
}

test("a terminal sees one line that is written over, whole", () => {
  const { progress, written } = recorded(true);
  progress.tell("ten of ten");
  progress.tell("none");
  progress.end();
  expect(written()).toBe("\rten of ten\rnone      \n");
});

test("a log gets a line every five seconds, and the first of each part", () => {
  const { progress, written, pass } = recorded(false);
  for (const second of [0, 2, 4, 6]) {
    progress.tell(`${second} s`);
    pass(2_000);
  }
  progress.end();
  progress.tell("next part");
  expect(written()).toBe("0 s\n6 s\nnext part\n");
});
