/** Files made ready on request and fetched once or twice under a token, for a while. */
import { randomUUID } from "node:crypto";

export interface ReadyFile {
  readonly merchantId: string;
  readonly bytes: Buffer;
  readonly usableUntil: number;
}

export interface Downloads {
  /** The token that the file is fetched with. */
  keep(file: ReadyFile): string;
  /** Undefined when there is no such file, or no longer. */
  take(token: string): ReadyFile | undefined;
}

/** A file of a thousand trades is 200 KB; scripts fetch what they ask for at once. */
const filesMax = 20;

export function createDownloads(now: () => number): Downloads {
  const files = new Map<string, ReadyFile>();
  return {
    keep(file) {
      const token = randomUUID().replaceAll("-", "");
      files.set(token, file);
      const oldest = files.keys().next().value;
      if (files.size > filesMax && oldest !== undefined) files.delete(oldest);
      return token;
    },
    take(token) {
      const file = files.get(token);
      return file === undefined || now() > file.usableUntil ? undefined : file;
    },
  };
}
