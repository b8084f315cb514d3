/** Server-sent events (WHATWG HTML, 9.2) as `fetch` gives them. */
export interface StreamEvent<Data = unknown> {
  readonly id: string;
  readonly event: string;
  readonly data: Data;
}

/** What a reader has to know to come back. */
export interface Place {
  /** Of the event heard last. */
  lastId: string | undefined;
  pauseMs: number;
}

export function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

/**
 * The events of one connection, until it ends, breaks, or is silent for too long: the platform
 * sends a comment every 15 seconds. Keeps the place up to date; rejects when the signal says so.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  given: { readonly place: Place; readonly silentMsMax: number; readonly signal: AbortSignal },
): AsyncGenerator<StreamEvent, void, undefined> {
  const { place, silentMsMax, signal } = given;
  const chunks = body.getReader();
  const decoder = new TextDecoder();
  const leave = () => void chunks.cancel().catch(() => undefined);

  /** Undefined at the end, of whatever kind it is. */
  async function nextText(): Promise<string | undefined> {
    const silent = setTimeout(leave, silentMsMax);
    try {
      const { value } = await chunks.read();
      return value === undefined ? undefined : decoder.decode(value, { stream: true });
    } catch {
      return undefined;
    } finally {
      clearTimeout(silent);
    }
  }

  signal.addEventListener("abort", leave, { once: true });
  try {
    let unread = "";
    for (let more = await nextText(); more !== undefined; more = await nextText()) {
      const blocks = (unread + more).split("\n\n");
      // What breaks off in its middle has not been said.
      unread = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = readBlock(block, place);
        if (event !== undefined) yield event;
      }
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}

/** Undefined for what is no event: a comment, or how long to wait before coming back. */
function readBlock(block: string, place: Place): StreamEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    fields.set(name, value);
  }
  const pause = fields.get("retry") ?? "";
  if (/^\d+$/.test(pause)) place.pauseMs = Number(pause);
  const data = fields.get("data");
  if (data === undefined) return undefined;
  place.lastId = fields.get("id") ?? place.lastId;
  return {
    id: place.lastId ?? "",
    event: fields.get("event") ?? "message",
    data: JSON.parse(data),
  };
}
