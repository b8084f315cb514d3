import type { Fetch } from "../http.ts";

export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
  readonly redirect: string;
}

/** A fetch that hands every request to `answer` and keeps what it has seen. */
export function recordingFetch(answer: (request: SeenRequest) => Response | Promise<Response>): {
  fetch: Fetch;
  seen: SeenRequest[];
} {
  const seen: SeenRequest[] = [];
  const fetch: Fetch = async (input, init) => {
    const asked = new Request(input, init);
    const request = {
      method: asked.method,
      url: new URL(asked.url),
      headers: asked.headers,
      body: await asked.text(),
      redirect: asked.redirect,
    };
    seen.push(request);
    return await answer(request);
  };
  return { fetch, seen };
}
