import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { EmbeddedPostgresError } from "../../server/kernel/embedded-postgres.ts";
import type { PostgresSettings } from "../../server/kernel/embedded-postgres/tuning.ts";
import { tryFileLock } from "../../server/kernel/file-lock.ts";
import type { FileLock, LockHolder } from "../../server/kernel/file-lock.ts";
import { isRunning, signal, waitForExit } from "../../server/kernel/process.ts";
import type { ProcessIdentity } from "../../server/kernel/process.ts";
import type { Terminal } from "../terminal.ts";
import { createChild } from "./child.ts";
import type { Child, Program } from "./child.ts";
import { superviseDatabase } from "./database.ts";
import type { SupervisedDatabase } from "./database.ts";
import { accepts, answersOk, findFreePort, urlOf } from "./network.ts";
import type { Endpoint } from "./network.ts";

export interface Plan {
  readonly home: string;
  /** Of a PostgreSQL that runs already; without it the embedded one is started. */
  readonly databaseUrl: string | undefined;
  /** For the embedded one, over those that it sets itself. */
  readonly databaseSettings: PostgresSettings;
  readonly server: ServerPlan;
  readonly simulator: Endpoint & { readonly script: string };
  /** Where the server finds the simulator; without it where this one listens. */
  readonly simulatorUrl: string | undefined;
  /** Those that the server may call for its tenants, beside the simulator. */
  readonly channelHosts: readonly string[];
  readonly terminal: Terminal;
  /** Everything runs; called once. */
  readonly onReady: (addresses: Addresses) => void;
}

/** The first process listens there, each further one at the next port. */
interface ServerPlan extends Endpoint {
  readonly script: string;
  readonly stopTimeoutMs: number;
  /** Processes that answer; without workers they work, too. */
  readonly processes: number;
  /** Processes that only work. */
  readonly workers: number;
}

export interface Addresses {
  /** Of all that answer. */
  readonly servers: readonly string[];
  readonly simulator: string;
}

/** Says to a person why nothing was started. */
export class StartRefusedError extends Error {
  override name = "StartRefusedError";
}

/** The orphans of a killed supervisor have noticed by themselves and are finishing their work. */
const orphansTimeoutMs = 5_000;
/** After kill -9 of npm it takes a moment until the programs below know. */
const noticeMs = 1_000;
const pollMs = 100;
/** A killed process counts as gone a moment before the system has closed its port. */
const releaseMs = 1_000;
/** The simulator writes what it must remember as it goes, so there is little to finish. */
const simulatorStopTimeoutMs = 5_000;

/**
 * Runs PostgreSQL, simulator and servers as children of this process and starts again what dies.
 * What was started is stopped in the opposite order, whatever happens: the servers first, so
 * that they can finish what they have begun while everything that they need is there.
 */
export class Supervisor {
  readonly #plan: Plan;
  readonly #stopRequested = Promise.withResolvers<void>();
  #database: Promise<SupervisedDatabase> | undefined;
  #simulator: Child | undefined;
  #servers: Child[] = [];
  #lock: FileLock | undefined;
  #facts: RunFacts = {};
  #stops = 0;
  #exitCode = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** Returns the exit code once everything has stopped. */
  async run(): Promise<number> {
    const { terminal, home } = this.#plan;
    const isNewHome = mkdirSync(home, { recursive: true }) !== undefined;
    try {
      this.#lock = await terminal.step("Waiting for an earlier run to stop", () => takeHome(home));
      await this.#endOrphans(this.#lock.former);
      const starting = this.#start().catch((error: unknown) => this.#fail(messageOf(error)));
      await Promise.race([starting, this.#stopRequested.promise]);
      await this.#stopRequested.promise;
    } catch (error) {
      this.#fail(messageOf(error));
    }
    await this.#stopAll();
    this.#lock?.release();
    if (isNewHome) removeEmpty(home);
    return this.#exitCode;
  }

  /** Stops everything in order; called again, it kills what still runs. */
  stop(): void {
    this.#stops += 1;
    this.#stopRequested.resolve();
    if (this.#stops !== 2) return;
    this.#plan.terminal.say("Killing what still runs; the next start repairs what that leaves.");
    for (const server of this.#servers) server.kill();
    this.#simulator?.kill();
  }

  get #stopping(): boolean {
    return this.#stops > 0;
  }

  #fail(reason: string): void {
    if (this.#stopping) return;
    this.#plan.terminal.say(reason);
    this.#exitCode = 1;
    this.stop();
  }

  async #start(): Promise<void> {
    const { terminal, databaseUrl } = this.#plan;
    const ports = await this.#choosePorts();
    if (this.#stopping) return;
    this.#record({ address: urlOf(ports.servers[0]) });
    this.#simulator = this.#child(this.#simulatorProgram(ports.simulator));
    const simulatorReady = this.#simulator.start();
    const what = databaseUrl === undefined ? "PostgreSQL and the simulator" : "the simulator";
    const url = await terminal.step(`Starting ${what}`, async () => {
      const [found] = await Promise.all([this.#startDatabase(ports), simulatorReady]);
      return found;
    });
    if (this.#stopping) return;
    await this.#startServers(url, ports);
    if (this.#stopping) return;
    const servers = ports.servers.slice(0, this.#plan.server.processes).map(urlOf);
    this.#plan.onReady({ servers, simulator: urlOf(ports.simulator) });
  }

  async #choosePorts(): Promise<Ports> {
    const { server, simulator } = this.#plan;
    const wanted = endpointsOf(server);
    if (simulator.port !== 0 && wanted.some(({ port }) => port === simulator.port)) {
      const taken =
        simulator.port === server.port
          ? `PORT and SIMULATOR_PORT are both ${server.port}`
          : `SIMULATOR_PORT ${simulator.port} is that of a process of the server`;
      throw new StartRefusedError(`${taken}: set one of them to another port.`);
    }
    const [first, ...others] = wanted;
    const refused: StartRefusedError[] = [];
    const check = (endpoint: Endpoint, setting: string) =>
      checkPort(endpoint, setting).catch((error: unknown) => {
        if (!(error instanceof StartRefusedError)) throw error;
        refused.push(error);
        return endpoint;
      });
    const servers: Ports["servers"] = [await check(first, "PORT")];
    for (const each of others) servers.push(await check(each, "PORT"));
    const ports = { servers, simulator: await check(simulator, "SIMULATOR_PORT") };
    // All at once: who is told of one port after the other starts in vain as often.
    const reasons = new Set(refused.map(({ message }) => message));
    if (reasons.size > 0) throw new StartRefusedError([...reasons].join("\n"));
    return ports;
  }

  async #startDatabase(ports: Ports): Promise<string> {
    const { databaseUrl, databaseSettings, home, terminal } = this.#plan;
    if (databaseUrl !== undefined) return databaseUrl;
    this.#database = superviseDatabase({
      home,
      settings: databaseSettings,
      say: (line) => terminal.say(line),
      onMoved: (url) => {
        void this.#replaceServers(url, ports);
      },
      onGivenUp: (reason) => this.#fail(`${reason}; its log is ${join(home, "postgres.log")}`),
    });
    return (await this.#database).url;
  }

  async #startServers(databaseUrl: string, ports: Ports): Promise<void> {
    const children = ports.servers.map((endpoint, at) =>
      this.#child(this.#serverProgram({ databaseUrl, endpoint, at, ports })),
    );
    this.#servers = children;
    const [first, ...others] = children;
    const what = others.length === 0 ? "the server" : `${children.length} processes of the server`;
    await this.#plan.terminal.step(`Starting ${what}`, async () => {
      // The first one makes what a new installation lacks; the others find it there.
      await first?.start();
      if (!this.#stopping) await Promise.all(others.map((child) => child.start()));
    });
  }

  /** The port that PostgreSQL had was taken while it was down. */
  async #replaceServers(databaseUrl: string, ports: Ports): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()));
    if (!this.#stopping) await this.#startServers(databaseUrl, ports);
  }

  #serverProgram(given: {
    readonly databaseUrl: string;
    readonly endpoint: Endpoint;
    readonly at: number;
    readonly ports: Ports;
  }): Program {
    const { databaseUrl, endpoint, at, ports } = given;
    const { home, server, channelHosts } = this.#plan;
    const simulatorUrl = this.#plan.simulatorUrl ?? urlOf(ports.simulator);
    const name = nameOf(server, at);
    return {
      name,
      script: server.script,
      environment: {
        ...roleOf(server, at),
        // One that only works takes no notices: channels are told the first one's address.
        ...(at < server.processes ? {} : publicUrlOf(ports)),
        DATABASE_URL: databaseUrl,
        PORT: String(endpoint.port),
        HOST: endpoint.host,
        TONGBAO_HOME: home,
        SIMULATOR_URL: simulatorUrl,
        CHANNEL_HOSTS: [...channelHosts, new URL(simulatorUrl).host].join(","),
      },
      logPath: join(home, `${name.replace(" ", "-")}.log`),
      isReady: () => answersOk(`${urlOf(endpoint)}/readyz`),
      stopTimeoutMs: server.stopTimeoutMs,
    };
  }

  #simulatorProgram(endpoint: Endpoint): Program {
    const { home, simulator } = this.#plan;
    return {
      name: "simulator",
      script: simulator.script,
      environment: {
        SIMULATOR_PORT: String(endpoint.port),
        SIMULATOR_HOST: endpoint.host,
        SIMULATOR_STATE: join(home, "simulator.json"),
      },
      logPath: join(home, "simulator.log"),
      isReady: () => accepts(endpoint),
      stopTimeoutMs: simulatorStopTimeoutMs,
    };
  }

  #child(program: Program): Child {
    return createChild(program, {
      say: (line) => this.#plan.terminal.say(line),
      onChange: () => this.#recordChildren(),
      onGivenUp: (reason) => this.#fail(reason),
    });
  }

  /** For other starts: one while this runs, and one after this process was killed. */
  #record(facts: RunFacts): void {
    this.#facts = { ...this.#facts, ...facts };
    try {
      this.#lock?.setFacts({ ...this.#facts });
    } catch {
      // The disk is full. The next start finds less to wait for; what runs must go on.
    }
  }

  #recordChildren(): void {
    const children = [...this.#servers, this.#simulator].flatMap((child) => {
      const identity = child?.identity();
      return child === undefined || identity === undefined
        ? []
        : [{ ...identity, name: child.name }];
    });
    this.#record({ children });
  }

  async #endOrphans(former: LockHolder | undefined): Promise<void> {
    const orphans = childrenOf(former).filter(isRunning);
    if (orphans.length === 0) return;
    await this.#plan.terminal.step("Waiting for the end of an earlier run", async () => {
      await Promise.all(orphans.map(endOrphan));
    });
  }

  async #stopAll(): Promise<void> {
    if (this.#simulator === undefined) return;
    this.#record({ stopping: true });
    this.#plan.terminal.say("Stopping.");
    await this.#plan.terminal.step("Stopping", async () => {
      await Promise.all(this.#servers.map((server) => server.stop()));
      await this.#simulator?.stop();
      // One that did not start has said so already.
      const database = await this.#database?.catch(() => undefined);
      await database?.stop();
    });
    this.#plan.terminal.say("Stopped.");
  }
}

interface RunFacts {
  readonly address?: string;
  readonly stopping?: boolean;
  readonly children?: readonly (ProcessIdentity & { readonly name: string })[];
}

interface Ports {
  /** In the order of their ports: those that answer first. */
  readonly servers: [Endpoint, ...Endpoint[]];
  readonly simulator: Endpoint;
}

/** 0 is any free port, for each of them. */
function endpointsOf({ host, port, processes, workers }: ServerPlan): Ports["servers"] {
  const others = Array.from({ length: processes + workers - 1 }, (_, at) => ({
    host,
    port: port === 0 ? 0 : port + 1 + at,
  }));
  return [{ host, port }, ...others];
}

/** As people read it, and as its log is called. */
function nameOf({ processes }: ServerPlan, at: number): string {
  if (at >= processes) return `worker ${at - processes + 1}`;
  return at === 0 ? "server" : `server ${at + 1}`;
}

/** Without workers the setting of whoever started this holds. */
function roleOf({ processes, workers }: ServerPlan, at: number): Readonly<Record<string, string>> {
  if (workers === 0) return {};
  return { TONGBAO_ROLE: at < processes ? "api" : "worker" };
}

function publicUrlOf({ servers: [first] }: Ports): Readonly<Record<string, string>> {
  return { TONGBAO_PUBLIC_URL: process.env["TONGBAO_PUBLIC_URL"]?.trim() || urlOf(first) };
}

/** Whoever is stopping, or is about to notice that it should, is waited for. */
async function takeHome(home: string): Promise<FileLock> {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    const attempt = tryFileLock(join(home, "run.lock"));
    if (attempt.kind === "acquired") return attempt.lock;
    const { pid, facts } = attempt.holder;
    if (facts["stopping"] !== true && waitedMs >= noticeMs) {
      const address = typeof facts["address"] === "string" ? ` at ${facts["address"]}` : "";
      throw new StartRefusedError(
        `Tongbao runs already${address} (process ${pid}). Stop that one with Ctrl-C, ` +
          "or set TONGBAO_HOME, PORT and SIMULATOR_PORT to run another.",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function checkPort(endpoint: Endpoint, setting: string): Promise<Endpoint> {
  for (let waitedMs = 0; waitedMs < releaseMs; waitedMs += pollMs) {
    const port = await findFreePort(endpoint).catch((error: unknown) => {
      throw refuseEndpoint(endpoint, setting, error);
    });
    if (port !== undefined) return { host: endpoint.host, port };
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new StartRefusedError(
    `Port ${endpoint.port} is taken by another program: set ${setting} to a free one, ` +
      `for example ${setting}=${endpoint.port + 1} npm start`,
  );
}

/** Why nobody may listen there, in words where we know them. */
function refuseEndpoint({ host, port }: Endpoint, setting: string, error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES") {
    return new StartRefusedError(
      `Port ${port} is kept for privileged programs: set ${setting} to 1024 or more.`,
    );
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new StartRefusedError(`${host} is no address of this machine: set HOST to one that is.`);
  }
  return error;
}

/** What did not come to anything leaves nothing behind. */
function removeEmpty(home: string): void {
  try {
    rmdirSync(home);
  } catch {
    // It holds what a next start goes on with.
  }
}

async function endOrphan(orphan: ProcessIdentity): Promise<void> {
  if ((await waitForExit(orphan, orphansTimeoutMs)) === "exited") return;
  signal(orphan.pid, "SIGKILL");
  await waitForExit(orphan, orphansTimeoutMs);
}

function childrenOf(former: LockHolder | undefined): ProcessIdentity[] {
  const children = former?.facts["children"];
  return Array.isArray(children) ? (children as ProcessIdentity[]) : [];
}

function messageOf(error: unknown): string {
  const known = error instanceof StartRefusedError || error instanceof EmbeddedPostgresError;
  if (known) return error.message;
  // A bug of ours: only its stack says where.
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
