/** What a person sees while programs of ours work: plain lines, and time on what takes long. */
export interface Terminal {
  say(line: string): void;
  /** Runs `work`; what takes over a second is named, with the seconds it has taken so far. */
  step<Result>(title: string, work: () => Promise<Result>): Promise<Result>;
}

interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const tickMs = 1000;

export function createTerminal(output: Output = process.stderr): Terminal {
  const live = output.isTTY === true;
  // On a terminal the running step is a line that is written over; it must end before other text.
  let openLine = false;

  function say(line: string): void {
    output.write(`${openLine ? "\n" : ""}${line}\n`);
    openLine = false;
  }

  function tick(title: string, seconds: number): void {
    if (live) {
      output.write(`\r${title} (${seconds} s)`);
      openLine = true;
      return;
    }
    // A log wants no line a second: after 1, 2, 4, 8, ... of them.
    if (Number.isInteger(Math.log2(seconds))) say(`${title} (${seconds} s)`);
  }

  return {
    say,
    async step(title, work) {
      let seconds = 0;
      const timer = setInterval(() => tick(title, (seconds += 1)), tickMs);
      try {
        return await work();
      } finally {
        clearInterval(timer);
        if (openLine) output.write("\n");
        openLine = false;
      }
    },
  };
}
