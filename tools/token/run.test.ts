import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import pg from "pg";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createIds } from "../../server/kernel/ids.ts";
import { readOrMakeMasterKeys } from "../../server/kernel/secrets.ts";
import { testDatabase } from "../../server/kernel/testing/database.ts";
import { systemClock } from "../../server/kernel/time.ts";
import { readArguments } from "./arguments.ts";
import { run } from "./run.ts";

const { url } = await testDatabase();
const home = mkdtempSync(join(tmpdir(), "tongbao-token-"));
readOrMakeMasterKeys(join(home, "master.key"));
const ids = createIds({ clock: systemClock });
const client = new pg.Client({ connectionString: url });
await client.connect();
afterAll(async () => {
  await client.end();
  rmSync(home, { recursive: true });
});

beforeEach(async () => {
  await client.query("delete from identity.signing_keys");
  await client.query("delete from identity.tenants");
});

async function addTenant(): Promise<string> {
  const id = ids.next();
  await client.query(
    "insert into identity.tenants values ($1, 'Harbour Mall', 'Asia/Shanghai', 'CNY', true, $2)",
    [id, new Date(0).toISOString()],
  );
  return id;
}

/** What a person types, and what comes back. */
async function type(words: string, environment: Record<string, string> = {}) {
  const printed: string[] = [];
  const said: string[] = [];
  const exitCode = await run({
    args: words === "" ? [] : words.split(" "),
    environment: { DATABASE_URL: url, TONGBAO_HOME: home, ...environment },
    root: home,
    print: (line) => printed.push(line),
    say: (line) => said.push(line),
  });
  return { exitCode, printed, said: said.join("\n") };
}

test.each(["", "--help", "-h", "--kind member --help"])(
  "`%s` says how it is used",
  async (words) => {
    const { exitCode, printed } = await type(words);
    expect(exitCode).toBe(0);
    expect(printed.join()).toContain("npm run token -- --kind member --member <member id>");
  },
);

test("a member's token stands alone on the standard output", async () => {
  const tenantId = await addTenant();
  const { exitCode, printed, said } = await type("--kind member --member m-1 --hours 2");
  expect([exitCode, printed.length]).toEqual([0, 1]);
  const { iat = 0, exp = 0, ...claims } = decodeJwt(printed[0] ?? "");
  expect(claims).toMatchObject({ sub: "member:m-1", memberId: "m-1", tid: tenantId });
  expect(exp).toBe(Math.floor(iat + 2 * 3600));
  expect(said).toContain(`For member:m-1 of tenant ${tenantId}, until `);
});

test("staff and programs get theirs, with less when asked for", async () => {
  await addTenant();
  const admin = await type("--kind admin --name li");
  expect(decodeJwt(admin.printed[0] ?? "")["scope"]).toContain("tenant:write");
  const service = await type("--kind service --name till --scopes orders:read --once");
  expect(decodeJwt(service.printed[0] ?? "")).toMatchObject({
    sub: "service:till",
    scope: "orders:read",
    once: true,
  });
});

test("among several tenants one must be named", async () => {
  const [one, two] = [await addTenant(), await addTenant()];
  const asked = await type("--kind admin --name li");
  expect(asked.exitCode).toBe(64);
  expect(asked.said).toContain(one);
  const { printed } = await type(`--kind admin --name li --tenant ${two}`);
  expect(decodeJwt(printed[0] ?? "")["tid"]).toBe(two);
});

test("the signing key changes over, or at once when it has leaked [IAM-05]", async () => {
  await addTenant();
  const kidOf = async () => {
    const { printed } = await type("--kind member --member m-1");
    return decodeProtectedHeader(printed[0] ?? "").kid;
  };
  const first = await kidOf();
  expect((await type("--rotate-key")).said).toContain("is published and signs from");
  expect(await kidOf()).toBe(first);
  const again = await type("--rotate-key");
  expect([again.exitCode, again.said]).toEqual([1, expect.stringContaining("wait until it does")]);
  expect((await type("--rotate-key --compromised")).exitCode).toBe(0);
  expect(await kidOf()).not.toBe(first);
});

describe("what cannot be done is said in a sentence", () => {
  test.each([
    ["--kind root --name x", "--kind must be admin, service or member"],
    ["--member m-1", "--kind must be admin, service or member"],
    ["--kind member", "a token of kind member needs --member"],
    ["--kind member --name m-1", "a token of kind member needs --member"],
    ["--kind admin --name li --member m-1", "--member does not go with --kind admin"],
    ["--kind admin --name li --tenant mall", "--tenant must be a tenant's id"],
    ["--kind admin --name li --hours soon", "--hours must be a number above 0"],
    ["--kind admin --name li --scopes orders:read,fly", "--scopes has fly, which is none of"],
    ["--compromised", "--compromised goes with --rotate-key"],
    ["--nmae li", "Unknown option '--nmae'"],
    ["token", "Unexpected argument 'token'"],
  ])("`%s`", (words, sentence) => {
    expect(readArguments(words.split(" "))).toMatchObject({
      kind: "wrong",
      message: expect.stringContaining(sentence),
    });
  });

  test("wrong use has its own exit code", async () => {
    const { exitCode, said } = await type("--kind root");
    expect([exitCode, said]).toEqual([64, expect.stringContaining("--help")]);
  });

  test("no tenant, an unknown tenant, too long a life, a scope too many", async () => {
    const none = await type("--kind admin --name li");
    expect([none.exitCode, none.said]).toEqual([1, expect.stringContaining("no tenant yet")]);
    await addTenant();
    const unknown = await type(`--kind admin --name li --tenant ${ids.next()}`);
    expect(unknown.said).toContain("There is no tenant with this id");
    const long = await type("--kind admin --name li --hours 721");
    expect(long.said).toContain("lives from 1 to 2592000 seconds");
    const much = await type("--kind member --member m-1 --scopes refunds:write");
    expect(much.said).toContain("refunds:write cannot be given");
  });

  test("nothing was started here, and the database does not answer", async () => {
    const never = await type("--rotate-key", { DATABASE_URL: "" });
    expect([never.exitCode, never.said]).toEqual([1, expect.stringContaining("npm start first")]);
    const down = "postgresql://nobody@127.0.0.1:1/none";
    for (const words of ["--rotate-key", "--kind admin --name li"]) {
      const { exitCode, said } = await type(words, { DATABASE_URL: down });
      expect([exitCode, said]).toEqual([1, expect.stringContaining("Does the platform run?")]);
    }
  });

  test("a database without our tables, and a master key that is not the platform's", async () => {
    const empty = await type("--rotate-key", { DATABASE_URL: url.replace(/[^/]+$/, "postgres") });
    expect([empty.exitCode, empty.said]).toEqual([1, expect.stringContaining("not that of a")]);
    await addTenant();
    await type("--kind admin --name li");
    const otherKey = Buffer.alloc(32, 1).toString("base64");
    const other = await type("--kind admin --name li", { TONGBAO_MASTER_KEY: otherKey });
    expect([other.exitCode, other.said]).toEqual([1, expect.stringContaining("does not fit")]);
    const missing = await type("--kind admin --name li", { TONGBAO_HOME: join(home, "none") });
    expect([missing.exitCode, missing.said]).toEqual([1, expect.stringContaining("is not in")]);
  });

  test("a wrong setting is named with what is allowed", async () => {
    const { exitCode, said } = await type("--rotate-key", { TONGBAO_MASTER_KEY: "secret" });
    expect([exitCode, said]).toEqual([78, expect.stringContaining("TONGBAO_MASTER_KEY")]);
    expect(said).not.toContain("secret");
  });
});
