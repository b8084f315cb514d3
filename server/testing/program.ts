import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** The file of the program, as `npm start` runs it. */
export const mainFile = join(import.meta.dirname, "../main.ts");

export type Program = Awaited<ReturnType<typeof startProgram>>;

/**
 * The whole program in a process of its own until the test is finished, on a port of its own, with
 * the demo tenant; ready for requests. `preload` is a module that is loaded before it.
 */
export async function startProgram(given: {
  readonly url: string;
  readonly home: string;
  readonly preload?: string;
  readonly environment?: Readonly<Record<string, string>>;
}) {
  const { url, home, preload, environment } = given;
  const preloaded = preload === undefined ? [] : ["--import", preload];
  const child = spawn(process.execPath, [...preloaded, mainFile], {
    env: { ...process.env, DATABASE_URL: url, PORT: "0", TONGBAO_HOME: home, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "close").then(([code]) => code as number | null);
  onTestFinished(async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await exit;
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const addressOf = () => /listening on (http:\/\/[\d.:]+)/.exec(output)?.[1];
  while (addressOf() === undefined) {
    const next = await Promise.race([once(child.stdout, "data"), exit]);
    if (!Array.isArray(next)) throw new Error(`it has ended: ${output}`);
  }
  const address = addressOf() ?? "";
  const { tokens, products } = JSON.parse(readFileSync(join(home, "demo.json"), "utf8")) as {
    readonly tokens: { readonly admin: string; readonly service: string };
    readonly products: readonly { readonly skuIds: readonly string[] }[];
  };

  function ask(path: string, token: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, ...init.headers };
    return fetch(`${address}${path}`, { ...init, headers });
  }

  async function get(path: string): Promise<{ readonly status: number; readonly text: string }> {
    const reply = await ask(path, tokens.admin);
    return { status: reply.status, text: await reply.text() };
  }

  return {
    /** The code that it ends with. */
    exit,
    log: () => output,
    signal: (name: NodeJS.Signals): void => void child.kill(name),
    /** One of the demo's, of which there are a thousand units. */
    skuId: products[0]?.skuIds[0] ?? "",
    get,

    /** Orders by a service's token; all else by an admin's. */
    post(path: string, body: object, key: string = crypto.randomUUID()): Promise<Response> {
      const token = path === "/v1/orders" ? tokens.service : tokens.admin;
      const headers = { "content-type": "application/json", "idempotency-key": key };
      return ask(path, token, { method: "POST", headers, body: JSON.stringify(body) });
    },

    /** A figure as Prometheus reads it; undefined when it is not there. */
    async figure(name: string): Promise<number | undefined> {
      const { text } = await get("/metrics");
      const line = text.split("\n").find((each) => each.startsWith(`tongbao_${name} `));
      return line === undefined ? undefined : Number(line.split(" ")[1]);
    },
  };
}
