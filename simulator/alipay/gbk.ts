/** Text into GBK. The runtime reads GBK but does not write it, so its reader makes the table. */

const tableOf = (): ReadonlyMap<string, number> => {
  const reader = new TextDecoder("gbk");
  const table = new Map<string, number>();
  for (let lead = 0x81; lead <= 0xfe; lead += 1) {
    for (let trail = 0x40; trail <= 0xfe; trail += 1) {
      const text = reader.decode(Uint8Array.of(lead, trail));
      // A pair may stand for nothing, and of two that stand for the same the first counts.
      if (text.length === 1 && text !== "\ufffd" && !table.has(text))
        table.set(text, lead * 256 + trail);
    }
  }
  return table;
};

/** 24,000 pairs take some 20 ms: only those who ask for a statement pay for it, and once. */
let table: ReadonlyMap<string, number> | undefined;

const questionMark = 0x3f;

/** What GBK has no place for, such as emoji, becomes a question mark. */
export function encodeGbk(text: string): Buffer {
  table ??= tableOf();
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? questionMark;
    const pair = code < 0x80 ? code : (table.get(character) ?? questionMark);
    if (pair > 0xff) bytes.push(pair >> 8);
    bytes.push(pair & 0xff);
  }
  return Buffer.from(bytes);
}
