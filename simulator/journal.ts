import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** One change of the world: a thing put on a shelf, or taken off it. */
export interface JournalRecord {
  readonly shelf: string;
  readonly key: string;
  /** Absent when the thing was taken off. */
  readonly value?: unknown;
}

/**
 * The world's memory on disk: a file of JSON lines, one a change. A line is handed to the operating
 * system before the reply that rests on it leaves, so that `kill -9` loses nothing; only a crash of
 * the whole machine may lose the last second, and then the world is gone anyway.
 */
export interface Journal {
  append(record: JournalRecord): void;
  close(): void;
}

export const noJournal: Journal = { append: () => undefined, close: () => undefined };

/** Rewriting pays when most lines are out of date; below this count the file is small anyway. */
const rewriteAfterLinesMin = 20_000;
/** A megabyte a write: the world stands still during a rewrite, so it must not take long. */
const charactersAtOnce = 1_000_000;

export function openJournal(options: {
  readonly path: string;
  /** Called once for every record of the file, in the order of writing. */
  readonly restore: (record: JournalRecord) => void;
  /** Everything that lives now: what the file is rewritten to. */
  readonly living: () => Iterable<JournalRecord>;
}): Journal {
  const { path } = options;
  mkdirSync(dirname(path), { recursive: true });
  for (const record of readRecords(path)) options.restore(record);

  let lineCount = 0;
  let rewriteAfterLines = rewriteAfterLinesMin;
  let file = rewrite();

  /** Writes beside the file and renames, so that at every moment one whole file exists. */
  function rewrite(): number {
    const besides = `${path}.new`;
    const handle = openSync(besides, "w", 0o600); // It holds private keys, simulated as they are.
    let livingCount = 0;
    let lines = "";
    for (const record of options.living()) {
      lines += lineOf(record);
      livingCount += 1;
      if (lines.length < charactersAtOnce) continue;
      writeAll(handle, lines);
      lines = "";
    }
    writeAll(handle, lines);
    fsyncSync(handle);
    renameSync(besides, path);
    lineCount = 0;
    rewriteAfterLines = Math.max(rewriteAfterLinesMin, livingCount * 4);
    return handle;
  }

  return {
    append(record) {
      writeAll(file, lineOf(record));
      lineCount += 1;
      if (lineCount < rewriteAfterLines) return;
      closeSync(file);
      file = rewrite();
    },
    close: () => closeSync(file),
  };
}

const lineOf = (record: JournalRecord): string => `${JSON.stringify(record)}\n`;

function writeAll(file: number, lines: string): void {
  const bytes = Buffer.from(lines);
  // A write to a file may be cut short by the system; a torn line would hide the ones after it.
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}

function* readRecords(path: string): Iterable<JournalRecord> {
  if (!existsSync(path)) return;
  const lines = readFileSync(path, "utf8").split("\n");
  // What follows the last line feed is empty, or a line that a kill has torn: nobody was answered.
  for (const line of lines.slice(0, -1)) yield JSON.parse(line) as JournalRecord;
}
