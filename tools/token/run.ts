import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { createCommitters } from "../../server/kernel/batch.ts";
import { asFault, createDatabase, FaultError, sqlState } from "../../server/kernel/database.ts";
import { embeddedUrl } from "../../server/kernel/embedded-postgres.ts";
import { followDatabaseClock } from "../../server/kernel/database-clock.ts";
import { createIds } from "../../server/kernel/ids.ts";
import { problemOfRefusal } from "../../server/kernel/problem.ts";
import type { Refusal } from "../../server/kernel/refusal.ts";
import { createSecrets, readOrMakeMasterKeys, SealError } from "../../server/kernel/secrets.ts";
import type { MasterKeys } from "../../server/kernel/secrets.ts";
import { formatInstant } from "../../server/kernel/time.ts";
import type { Identity, TenantId } from "../../server/modules/identity/index.ts";
import { createIdentity } from "../../server/modules/identity/index.ts";
import { refusals } from "../../server/refusals.ts";
import { readSettings } from "../../server/settings.ts";
import type { Environment } from "../../server/settings.ts";
import type { Wanted } from "./arguments.ts";
import { readArguments, usage } from "./arguments.ts";

/** sysexits.h */
const exitCodes = { done: 0, failed: 1, wrongUse: 64, wrongSetting: 78 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export interface Run {
  readonly args: readonly string[];
  readonly environment: Environment;
  /** Where a relative TONGBAO_HOME begins. */
  readonly root: string;
  /** What a script reads. */
  readonly print: (line: string) => void;
  /** What a person reads. */
  readonly say: (line: string) => void;
}

/** What the clock has to say of this machine is of no interest to who asks for a token. */
const silent = { info: () => undefined, warn: () => undefined };

type Work = Exclude<Wanted, { readonly kind: "help" | "wrong" }>;

/** Why nothing was done, in words for the person at the terminal. */
class StopError extends Error {
  readonly exitCode: ExitCode;
  constructor(message: string, exitCode: ExitCode = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** `npm run token`: an operator who has database and master key may give out any token. */
export async function run(given: Run): Promise<ExitCode> {
  const wanted = readArguments(given.args);
  if (wanted.kind === "help") {
    given.print(usage);
    return exitCodes.done;
  }
  if (wanted.kind === "wrong") {
    given.say(`${wanted.message}. See npm run token -- --help`);
    return exitCodes.wrongUse;
  }
  try {
    await work(given, wanted);
    return exitCodes.done;
  } catch (error) {
    const stop = error instanceof StopError ? error : stopOf(error);
    if (stop === undefined) throw error;
    given.say(stop.message);
    return stop.exitCode;
  }
}

async function work(given: Run, wanted: Work): Promise<void> {
  const platform = findPlatform(given);
  // What is given out here holds by the platform's clock, whatever this machine's says.
  const clock = await followDatabaseClock({ url: platform.databaseUrl, log: silent });
  const database = createDatabase({ url: platform.databaseUrl, clock, poolMax: 2 });
  const committers = createCommitters({ database });
  try {
    const identity = createIdentity({
      database,
      committers,
      clock,
      ids: createIds({ clock }),
      secrets: createSecrets(platform.masterKeys),
      tenantSettings: [],
    });
    if (wanted.kind === "rotate") await rotate(given, wanted, identity);
    else await give(given, wanted, identity);
  } finally {
    await committers.stop();
    await database.close();
    await clock.stop();
  }
}

async function give(
  { print, say }: Run,
  wanted: Extract<Work, { readonly kind: "token" }>,
  identity: Identity,
): Promise<void> {
  const { principalKind: kind, name, scopes, lifeMs, once } = wanted;
  const tenantId = wanted.tenantId ?? (await onlyTenant(identity));
  const by = { kind: "operator", subject: "operator" } as const;
  const request = { tenantId, by, kind, name, scopes, lifeMs, once };
  const issued = await identity.issueToken(request);
  if (issued.kind === "refused") throw new StopError(sentenceOf(issued));
  const { grant, token } = issued;
  say(`For ${grant.subject} of tenant ${tenantId}, until ${formatInstant(grant.expiresAt)}`);
  say(`  may ${grant.scopes.join(", ")}${once ? "; good for one request" : ""}`);
  print(token);
}

async function onlyTenant(identity: Identity): Promise<TenantId> {
  const [first, ...others] = await identity.listTenantIds();
  if (first === undefined) throw new StopError("There is no tenant yet: npm start makes the first");
  if (others.length === 0) return first;
  const tenants = [first, ...others].map((id) => `\n  ${id}`).join("");
  throw new StopError(`Say which tenant, with --tenant:${tenants}`, exitCodes.wrongUse);
}

async function rotate(
  { say }: Run,
  { cause }: Extract<Work, { readonly kind: "rotate" }>,
  identity: Identity,
): Promise<void> {
  const outcome = await identity.rotateSigningKey(cause);
  if (outcome.kind === "refused") throw new StopError(sentenceOf(outcome));
  const { id, signsFrom } = outcome.key;
  say(`The new key ${id} is published and signs from ${formatInstant(signsFrom)}`);
  if (cause === "request") say("The old one verifies until its last token has expired");
  else say("All earlier tokens are dead, in every process within a minute: give out new ones");
}

interface Platform {
  readonly databaseUrl: string;
  readonly masterKeys: MasterKeys;
}

function findPlatform({ environment, root }: Run): Platform {
  // The address of the embedded database is found by its home, so the home is read first.
  const homeOf = (path: string | undefined) => resolve(root, path?.trim() || ".tongbao");
  const url =
    environment["DATABASE_URL"]?.trim() || embeddedUrl(homeOf(environment["TONGBAO_HOME"]));
  if (url === undefined) {
    throw new StopError(
      `Nothing was ever started in ${homeOf(environment["TONGBAO_HOME"])}: ` +
        "run npm start first, or set DATABASE_URL or TONGBAO_HOME",
    );
  }
  const read = readSettings({ ...environment, DATABASE_URL: url });
  if (read.kind === "wrong") {
    const problems = read.problems.map(({ message }) => message).join("\n");
    throw new StopError(problems, exitCodes.wrongSetting);
  }
  const { settings } = read;
  return { databaseUrl: url, masterKeys: settings.masterKeys ?? keysOf(homeOf(settings.home)) };
}

/** A key made here would open nothing that the platform has sealed, so none is made. */
function keysOf(home: string): MasterKeys {
  const path = join(home, "master.key");
  if (existsSync(path)) return readOrMakeMasterKeys(path);
  throw new StopError(
    `The platform's master key is not in ${path}: set TONGBAO_HOME to its folder, ` +
      "or TONGBAO_MASTER_KEY to the key",
  );
}

/** What may go wrong outside of this program; undefined for a bug. */
function stopOf(error: unknown): StopError | undefined {
  if (asFault(error) instanceof FaultError) {
    return new StopError(
      "The database does not answer. Does the platform run? Start it: npm start",
    );
  }
  if (error instanceof SealError) {
    return new StopError(`The master key does not fit this database: ${error.message}`);
  }
  // Undefined schema, undefined table.
  if (/^(3F000|42P01)$/.test(sqlState(error) ?? "")) {
    return new StopError("The database is not that of a platform, or of an older one: npm start");
  }
  return undefined;
}

/** The sentence that the API would send. */
function sentenceOf(refusal: Refusal): string {
  const { body } = problemOfRefusal(refusals, refusal, { path: "", requestId: "" });
  const problem: { readonly title: string } = JSON.parse(body);
  return problem.title;
}
