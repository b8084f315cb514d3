import type { components } from "./generated/openapi.ts";

export type ProblemBody = components["schemas"]["Problem"];

/** The API has answered that it will not, or cannot: RFC 9457. Programs decide by `code`. */
export class TongbaoProblem extends Error {
  override name = "TongbaoProblem";
  readonly problem: ProblemBody;
  readonly response: Response;

  constructor(problem: ProblemBody, response: Response) {
    super(`${problem.code}: ${problem.title}`);
    this.problem = problem;
    this.response = response;
  }

  /** Stable, see docs/refusals.md. `no_problem` when something else than the API has answered. */
  get code(): string {
    return this.problem.code;
  }

  get status(): number {
    return this.problem.status;
  }

  /** What the rule saw, such as how many are left. */
  get facts(): Readonly<Record<string, unknown>> {
    return this.problem.facts;
  }

  /** Names the request in the platform's logs. */
  get requestId(): string {
    return this.problem.requestId;
  }

  static async of(response: Response): Promise<TongbaoProblem> {
    const text = await response.text();
    return new TongbaoProblem(parseProblem(text) ?? foreignProblem(response, text), response);
  }
}

/**
 * No answer came, after all tries. Whether the request was done is not known; sending it again
 * under the same key finds out and does it once.
 */
export class TongbaoUnreachable extends Error {
  override name = "TongbaoUnreachable";
  readonly tries: number;
  readonly idempotencyKey: string | undefined;

  constructor(request: Request, given: { tries: number; cause: unknown }) {
    super(
      `no answer to ${request.method} ${new URL(request.url).pathname}, tries: ${given.tries}`,
      {
        cause: given.cause,
      },
    );
    this.tries = given.tries;
    this.idempotencyKey = request.headers.get("idempotency-key") ?? undefined;
  }
}

function parseProblem(text: string): ProblemBody | undefined {
  try {
    const body: unknown = JSON.parse(text);
    return isProblem(body) ? body : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is ProblemBody {
  if (typeof body !== "object" || body === null) return false;
  return "code" in body && typeof body.code === "string" && "facts" in body;
}

/** A proxy's page, for example. */
function foreignProblem(response: Response, text: string): ProblemBody {
  return {
    type: "about:blank",
    title: `not the API has answered but something before it: ${text.slice(0, foreignTextMax)}`,
    status: response.status,
    code: "no_problem",
    instance: URL.parse(response.url)?.pathname ?? "",
    requestId: response.headers.get("x-request-id") ?? "",
    facts: {},
  };
}

const foreignTextMax = 200;
