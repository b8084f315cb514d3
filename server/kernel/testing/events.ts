/** A reader of server-sent events, as strict as the tests need it. */
export interface ReadEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

export type EventReader = Awaited<ReturnType<typeof openEvents>>;

export async function openEvents(url: string, headers: Readonly<Record<string, string>>) {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  const chunks = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";

  /** The answer of one that was refused. */
  async function json(): Promise<unknown> {
    for (let chunk = await chunks?.read(); chunk?.done === false; chunk = await chunks?.read())
      text += chunk.value;
    return JSON.parse(text);
  }

  /** The next block, comments and settings too; undefined when the stream has ended. */
  async function nextBlock(): Promise<string | undefined> {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const block = text.slice(0, end);
        text = text.slice(end + 2);
        return block;
      }
      const chunk = await chunks?.read();
      if (chunk === undefined || chunk.done) return undefined;
      text += chunk.value;
    }
  }

  return {
    status: response.status,
    headers: response.headers,
    nextBlock,
    json,

    /** The next event; undefined when the stream has ended. */
    async next(): Promise<ReadEvent | undefined> {
      for (let block = await nextBlock(); block !== undefined; block = await nextBlock()) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
        const data = field("data");
        if (data === undefined) continue;
        return { id: field("id") ?? "", event: field("event") ?? "", data: JSON.parse(data) };
      }
      return undefined;
    },

    close: () => abort.abort(),
  };
}
