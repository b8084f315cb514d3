/**
 * Every setting of the platform once: its name in the environment, type, default, what is allowed
 * and what it means. Reading is pure: files and engines are touched by whoever uses the values.
 */
import { isZone, zoneDefault } from "./kernel/calendar.ts";
import { logLevels } from "./kernel/log.ts";
import { parseMasterKeys } from "./kernel/secrets.ts";

interface Setting<Value> {
  readonly name: string;
  readonly meaning: string;
  /** What a value must be, in words that end the sentence "NAME must be ...". */
  readonly allowed: string;
  /** Absent: the setting may be left out and then has no value. */
  readonly default?: Value;
  /** How the document words a default that is not a plain value. */
  readonly defaultText?: string;
  readonly required?: true;
  readonly secret?: true;
  /** Undefined for what is not allowed. */
  readonly parse: (text: string) => Value | undefined;
}

/** A setting whose value is always there. */
type Given<Value> = Setting<Value> & ({ readonly default: Value } | { readonly required: true });

const table = {
  port: integer({
    name: "PORT",
    meaning: "Where the API listens. 0 takes any free port.",
    default: 8080,
    min: 0,
    max: 65_535,
  }),
  host: text({
    name: "HOST",
    meaning: "The address to listen on. 0.0.0.0 opens the API to other machines.",
    default: "127.0.0.1",
    pattern: /^[0-9A-Za-z.:_-]{1,255}$/,
    allowed: "an IP address or a host name",
  }),
  databaseUrl: {
    ...url({
      name: "DATABASE_URL",
      meaning: "The PostgreSQL to use. `npm start` brings its own when this is left out.",
      protocols: ["postgresql:", "postgres:"],
    }),
    required: true,
    secret: true,
  },
  databasePoolMax: integer({
    name: "DATABASE_POOL_MAX",
    // Reads are short: ten connections answer thousands a second, and each costs PostgreSQL memory.
    meaning: "Connections of one process for reads; half as many more work in the background.",
    default: 10,
    min: 2,
    max: 200,
  }),
  home: text({
    name: "TONGBAO_HOME",
    meaning: "The folder for what the platform keeps on this machine.",
    default: ".tongbao",
    pattern: /^[^\0]{1,1024}$/,
    allowed: "the path of a folder",
  }),
  role: oneOf({
    name: "TONGBAO_ROLE",
    meaning: "What this process does: answer requests, work off events and jobs, or both.",
    default: "all",
    values: ["all", "api", "worker"],
  }),
  apiProcesses: integer({
    name: "API_PROCESSES",
    meaning:
      "How many processes `npm start` runs that answer, at `PORT` and the ports after it. Without " +
      "WORKER_PROCESSES each of them works, too.",
    default: 1,
    min: 1,
    max: 16,
  }),
  workerProcesses: integer({
    name: "WORKER_PROCESSES",
    meaning:
      "How many processes `npm start` runs beside them that only work; they tell of themselves " +
      "at the next ports.",
    default: 0,
    min: 0,
    max: 16,
  }),
  publicUrl: url({
    name: "TONGBAO_PUBLIC_URL",
    meaning: "How the world reaches the API; payment channels send their notices there.",
    defaultText: "http://HOST:PORT",
    protocols: ["http:", "https:"],
  }),
  simulatorUrl: {
    ...url({
      name: "SIMULATOR_URL",
      meaning: "Where the simulator of the outside world listens.",
      protocols: ["http:", "https:"],
    }),
    default: "http://127.0.0.1:8090",
  },
  channelHosts: {
    name: "CHANNEL_HOSTS",
    meaning:
      "The hosts that tenants' accounts at channels may name, each with a port or for any port. " +
      "`npm start` adds the simulator's.",
    allowed: "host names or IP addresses, with or without a port, separated by commas",
    default: [
      "api.mch.weixin.qq.com",
      "api2.mch.weixin.qq.com",
      "openapi.alipay.com",
      "openapi-sandbox.dl.alipaydev.com",
    ],
    parse: parseHosts,
  },
  masterKeys: {
    name: "TONGBAO_MASTER_KEY",
    meaning:
      "Seals the secrets in the database. Several, separated by commas, while keys are changed: " +
      "the first one seals, all of them open.",
    allowed: "32 random bytes in base64 (openssl rand -base64 32), or several with commas between",
    defaultText: "made once and kept in TONGBAO_HOME/master.key",
    secret: true,
    parse: parseMasterKeys,
  },
  businessZone: {
    name: "BUSINESS_ZONE",
    meaning: "The time zone of business days, for tenants that have not chosen one.",
    allowed: "a name of the tz database, such as Asia/Shanghai",
    default: zoneDefault,
    parse: (value: string) => (isZone(value) ? value : undefined),
  },
  orderCloseMinutes: integer({
    name: "ORDER_CLOSE_MINUTES",
    meaning: "When an unpaid order is closed, for tenants that have not chosen otherwise.",
    default: 30,
    min: 1,
    // Payment channels keep an unpaid trade for two hours to a few days; a week is past them all.
    max: 10_080,
  }),
  committers: integer({
    name: "COMMITTERS",
    meaning: "Connections that commit batches. A third one only makes batches smaller.",
    default: 1,
    min: 1,
    max: 2,
  }),
  batchQueueMax: integer({
    name: "BATCH_QUEUE_MAX",
    // At 8,000 commands a second 400 ms take 3,200; this bounds what waits before a rate is known.
    meaning:
      "Commands that may wait for a batch, and no more than are done in 400 ms, or in 150 once " +
      "everybody is late; the others are answered 503 at once.",
    default: 4096,
    min: 16,
    max: 65_536,
  }),
  bodyBytesMax: integer({
    name: "BODY_BYTES_MAX",
    meaning: "The largest body of a request; a sale of a thousand SKUs has some 150,000 bytes.",
    default: 1_048_576,
    min: 4_096,
    max: 67_108_864,
  }),
  inFlightMax: integer({
    name: "HTTP_IN_FLIGHT_MAX",
    meaning: "Requests worked on at once; more are answered 503 at once.",
    default: 4096,
    min: 16,
    max: 65_536,
  }),
  connectionsMax: integer({
    name: "HTTP_CONNECTIONS_MAX",
    meaning: "Open connections; more are closed as they come.",
    default: 10_000,
    min: 16,
    max: 100_000,
  }),
  streamsMax: integer({
    name: "STREAMS_MAX",
    // Each is looked at once a second, which costs about 20 us when something has changed.
    meaning: "Event streams open at once; more are answered 503, and their readers poll.",
    default: 5_000,
    min: 0,
    max: 100_000,
  }),
  callerPerSecondMax: integer({
    name: "CALLER_PER_SECOND_MAX",
    meaning: "Requests a second of one caller (token), in bursts of twice as many; 0: no limit.",
    default: 0,
    min: 0,
    max: 1_000_000,
  }),
  trustedProxies: {
    name: "TRUSTED_PROXIES",
    meaning:
      "Proxies whose X-Forwarded-For tells the caller's address. Left out, the header is ignored.",
    allowed: "IP addresses or networks (10.0.0.0/8), separated by commas",
    parse: parseProxies,
  },
  metricsToken: {
    ...text({
      name: "METRICS_TOKEN",
      meaning: "When set, /metrics asks for it: Authorization: Bearer <token>.",
      pattern: /^[\x21-\x7e]{16,256}$/,
      allowed: "16 to 256 visible ASCII characters",
    }),
    secret: true,
  },
  stopSecondsMax: integer({
    name: "STOP_SECONDS_MAX",
    meaning: "How long a stop waits for what is under way.",
    default: 20,
    min: 1,
    max: 600,
  }),
  logLevel: oneOf({
    name: "LOG_LEVEL",
    meaning: "What is written to the log; debug has a line for every request.",
    default: "info",
    values: logLevels,
  }),
} as const satisfies Record<string, Setting<unknown>>;

type Table = typeof table;
type ValueOf<Row> = Row extends { parse: (text: string) => infer Value }
  ? Exclude<Value, undefined>
  : never;

export type Settings = {
  readonly [Key in keyof Table]: Table[Key] extends Given<unknown>
    ? ValueOf<Table[Key]>
    : Key extends "publicUrl"
      ? string
      : ValueOf<Table[Key]> | undefined;
};

export type SettingKey = keyof Settings;

export interface SettingProblem {
  readonly name: string;
  readonly message: string;
}

export type SettingsRead =
  | { readonly kind: "settings"; readonly settings: Settings }
  | { readonly kind: "wrong"; readonly problems: readonly SettingProblem[] };

export type Environment = Readonly<Record<string, string | undefined>>;

const rows: readonly (readonly [string, Setting<unknown>])[] = Object.entries(table);

/** Takes the environment; gives all settings, or everything that is wrong with them at once. */
export function readSettings(environment: Environment): SettingsRead {
  const values: Record<string, unknown> = {};
  const problems: SettingProblem[] = [];
  for (const [key, setting] of rows) {
    const given = environment[setting.name]?.trim() ?? "";
    // An empty variable is how a compose file or a shell says "not set".
    if (given === "") {
      if (setting.required === true) problems.push(missing(setting));
      values[key] = setting.default;
      continue;
    }
    const value = setting.parse(given);
    if (value === undefined) problems.push(wrong(setting, given));
    values[key] = value;
  }
  if (problems.length > 0) return { kind: "wrong", problems };
  // Each row gave its own type or a problem; only the loop hides that from the compiler.
  const settings = values as Settings;
  return { kind: "settings", settings: { ...settings, publicUrl: publicUrlOf(settings) } };
}

function publicUrlOf(settings: {
  readonly publicUrl: string | undefined;
  readonly host: string;
  readonly port: number;
}): string {
  if (settings.publicUrl !== undefined) return settings.publicUrl;
  // Listening everywhere is not an address; on this machine the loopback one reaches it.
  const everywhere = settings.host === "0.0.0.0" || settings.host === "::";
  const named = everywhere ? "127.0.0.1" : settings.host;
  const host = named.includes(":") ? `[${named}]` : named;
  return `http://${host}:${settings.port}`;
}

function missing(setting: Setting<unknown>): SettingProblem {
  return { name: setting.name, message: `${setting.name} must be set to ${setting.allowed}` };
}

function wrong(setting: Setting<unknown>, given: string): SettingProblem {
  const shown = setting.secret === true ? `${given.length} hidden characters` : `"${given}"`;
  return {
    name: setting.name,
    message: `${setting.name} is ${shown}, but must be ${setting.allowed}`,
  };
}

/** One line a setting, secrets masked; for the log at start. */
export function printSettings(settings: Settings): string {
  const values = new Map<string, unknown>(Object.entries(settings));
  const width = Math.max(...rows.map(([, { name }]) => name.length));
  return rows
    .map(([key, setting]) => `${setting.name.padEnd(width)}  ${shown(setting, values.get(key))}`)
    .join("\n");
}

function shown(setting: Setting<unknown>, value: unknown): string {
  if (value === undefined) return "(not set)";
  if (setting.name === "DATABASE_URL" && typeof value === "string") return maskPassword(value);
  if (setting.secret === true) return "(hidden)";
  return Array.isArray(value) ? value.join(",") : String(value);
}

/** Which database it is helps to find mistakes; the parameters may carry a password too. */
function maskPassword(value: string): string {
  const parsed = new URL(value);
  if (parsed.password !== "") parsed.password = "hidden";
  return `${parsed.protocol}//${parsed.host === "" ? "" : authority(parsed)}${parsed.pathname}`;
}

function authority({ username, password, host }: URL): string {
  if (username === "") return host;
  return password === "" ? `${username}@${host}` : `${username}:(hidden)@${host}`;
}

/** The text of docs/operating/settings.md. */
export function settingsMarkdown(): string {
  const lines = rows.map(([, setting]) => {
    const cells = [`\`${setting.name}\``, setting.meaning, setting.allowed, defaultOf(setting)];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return [
    "# Settings",
    "",
    "Settings are environment variables. A wrong one is refused at the start, all of them at once.",
    "Generated from `server/settings.ts` by `npm run generate`.",
    "",
    "| name | meaning | must be | default |",
    "|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}

function defaultOf(setting: Setting<unknown>): string {
  if (setting.defaultText !== undefined) return setting.defaultText;
  if (setting.required === true) return "none: required";
  return setting.default === undefined ? "not set" : `\`${String(setting.default)}\``;
}

interface Named {
  readonly name: string;
  readonly meaning: string;
}

function integer(row: Named & { default: number; min: number; max: number }): Given<number> {
  const { name, meaning, min, max } = row;
  return {
    name,
    meaning,
    allowed: `a whole number from ${min} to ${max}`,
    default: row.default,
    parse: (given) => {
      if (!/^\d{1,9}$/.test(given)) return undefined;
      const value = Number(given);
      return value >= min && value <= max ? value : undefined;
    },
  };
}

function oneOf<const Value extends string>(
  row: Named & { default: NoInfer<Value>; values: readonly Value[] },
): Given<Value> {
  const { name, meaning, values } = row;
  return {
    name,
    meaning,
    allowed: `one of ${values.join(", ")}`,
    default: row.default,
    parse: (given) => values.find((value) => value === given),
  };
}

function text<Row extends Named & { pattern: RegExp; allowed: string; default?: string }>(
  row: Row,
) {
  const { pattern, ...rest } = row;
  return { ...rest, parse: (given: string) => (pattern.test(given) ? given : undefined) };
}

/** Kept as written, but without the slash at its end: paths are appended to it. */
function url(row: Named & { defaultText?: string; protocols: readonly string[] }) {
  const { protocols, ...rest } = row;
  return {
    ...rest,
    allowed: `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
    parse: (given: string): string | undefined => {
      const parsed = URL.parse(given);
      if (parsed === null || !protocols.includes(parsed.protocol)) return undefined;
      return given.replace(/\/+$/, "");
    },
  };
}

/** As the host of a parsed URL reads, so that the two can be compared. */
function parseHosts(given: string): readonly string[] | undefined {
  const hosts = given.split(",").map((host) => {
    const name = host.trim();
    const port = /^(?:[0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[1-9]\d{0,4})?$/.exec(name);
    const hostname = port === null ? undefined : URL.parse(`http://${name}`)?.hostname;
    return hostname === undefined ? undefined : hostname + (port?.[1] ?? "");
  });
  return hosts.includes(undefined) ? undefined : hosts.filter((host) => host !== undefined);
}

function parseProxies(given: string): readonly string[] | undefined {
  const proxies = given.split(",").map((proxy) => proxy.trim());
  const isProxy = (proxy: string) => /^[0-9A-Fa-f.:]{2,45}(\/\d{1,3})?$/.test(proxy);
  return proxies.every(isProxy) ? proxies : undefined;
}
