/** One line that tells how far something is: written over on a terminal, now and then in a log. */
export interface Progress {
  tell(line: string): void;
  /** Ends the line, so that other text may follow. */
  end(): void;
}

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const logEveryMs = 5_000;

export function createProgress(
  output: Output = process.stderr,
  now: () => number = () => performance.now(),
): Progress {
  const live = output.isTTY === true;
  let width = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  return {
    tell(line) {
      if (live) {
        // What was longer before would stick out behind.
        output.write(`\r${line.padEnd(width)}`);
        width = line.length;
        return;
      }
      if (now() - toldAt < logEveryMs) return;
      toldAt = now();
      output.write(`${line}\n`);
    },
    end() {
      if (live && width > 0) output.write("\n");
      width = 0;
      toldAt = Number.NEGATIVE_INFINITY;
    },
  };
}
