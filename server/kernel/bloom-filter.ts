/**
 * A set that says "certainly not" or "maybe" (Bloom 1970), in two bytes a member: what was added
 * is always found, and of what was not, about one in 400 is taken for added while it holds what it
 * was made for. Beyond that more are, and nothing breaks.
 */
export interface BloomFilter {
  add(text: string): void;
  mayHave(text: string): boolean;
  readonly bytes: number;
}

const bitsPerMember = 16;
/** With 16 bits a member, 4 positions leave 0.24 % and 11 (the best) 0.05 %: not worth the time. */
const positionsPerMember = 4;
/** 8 KiB: for a few thousand; a smaller one saves nothing that matters. */
const bitsMin = 2 ** 16;

/** For `membersMax` members; the bits are rounded up to a power of two. */
export function createBloomFilter(membersMax: number): BloomFilter {
  const bits = Math.max(bitsMin, 2 ** Math.ceil(Math.log2(membersMax * bitsPerMember)));
  const words = new Uint32Array(bits / 32);
  const mask = bits - 1;

  /** Kirsch and Mitzenmacher: two hashes give as many positions as one likes. */
  function visit(text: string, see: (word: number, bit: number) => boolean): boolean {
    const first = fnv1a(text, 0x811c9dc5);
    const step = fnv1a(text, first) | 1;
    for (let n = 0; n < positionsPerMember; n += 1) {
      const position = (first + Math.imul(n, step)) & mask;
      if (!see(position >>> 5, 1 << (position & 31))) return false;
    }
    return true;
  }

  return {
    bytes: words.byteLength,
    add(text) {
      visit(text, (word, bit) => {
        words[word] = (words[word] ?? 0) | bit;
        return true;
      });
    },
    mayHave: (text) => visit(text, (word, bit) => ((words[word] ?? 0) & bit) !== 0),
  };
}

/** FNV-1a over UTF-16 units, its bits mixed at the end as murmur3 does: FNV's low bits are poor. */
function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let n = 0; n < text.length; n += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
