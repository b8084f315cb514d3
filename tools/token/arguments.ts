import { parseArgs } from "node:util";
import { parseId } from "../../server/kernel/ids.ts";
import { hourMs } from "../../server/kernel/time.ts";
import type { PrincipalKind, Scope, TenantId } from "../../server/modules/identity/index.ts";
import { isPrincipalKind, isScope, scopes } from "../../server/modules/identity/index.ts";

export const usage = `Gives out a token for the platform of this folder, or changes the key that signs them.

  npm run token -- --kind member --member <member id>   a token for one member
  npm run token -- --kind service --name <program>      for a program, which may act for any member
  npm run token -- --kind admin --name <person>         for a person on the staff

    --tenant <id>       whose token; may be left out while there is one tenant
    --hours <hours>     how long it lives (default 24; at most 30 days, services 90)
    --scopes <a,b>      what it may do, of what the kind may do:
                        ${scopes.slice(0, 6).join(", ")},
                        ${scopes.slice(6).join(", ")}
    --once              good for one request, within five minutes

  npm run token -- --rotate-key                 publishes a new signing key, which signs in 10 minutes
  npm run token -- --rotate-key --compromised   the old keys, and all tokens of today, are dead at once

The token stands alone on the standard output: TOKEN=$(npm run --silent token -- --kind ...).
DATABASE_URL and TONGBAO_HOME say which platform, as for npm start.`;

export type Wanted =
  | { readonly kind: "help" }
  | { readonly kind: "rotate"; readonly cause: "request" | "compromise" }
  | {
      readonly kind: "token";
      readonly tenantId: TenantId | undefined;
      readonly principalKind: PrincipalKind;
      readonly name: string;
      readonly scopes: readonly Scope[] | undefined;
      readonly lifeMs: number | undefined;
      readonly once: boolean;
    }
  | { readonly kind: "wrong"; readonly message: string };

const options = {
  help: { type: "boolean", short: "h" },
  kind: { type: "string" },
  member: { type: "string" },
  name: { type: "string" },
  tenant: { type: "string" },
  hours: { type: "string" },
  scopes: { type: "string" },
  once: { type: "boolean" },
  "rotate-key": { type: "boolean" },
  compromised: { type: "boolean" },
} as const;

/** The words behind `--`; what is wrong with them is said in one sentence. */
export function readArguments(args: readonly string[]): Wanted {
  let values: ReturnType<typeof parseValues>;
  try {
    values = parseValues(args);
  } catch (error) {
    // Node's own sentence names the word that it does not know.
    return wrong(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true || args.length === 0) return { kind: "help" };
  if (values["rotate-key"] === true) {
    return { kind: "rotate", cause: values.compromised === true ? "compromise" : "request" };
  }
  if (values.compromised === true) return wrong("--compromised goes with --rotate-key");
  return readToken(values);
}

function parseValues(args: readonly string[]) {
  return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
}

function readToken(values: ReturnType<typeof parseValues>): Wanted {
  const { kind, member, once = false } = values;
  if (!isPrincipalKind(kind)) return wrong("--kind must be admin, service or member");
  const name = kind === "member" ? member : values.name;
  const [asked, other] =
    kind === "member" ? (["member", "name"] as const) : (["name", "member"] as const);
  if (name === undefined) return wrong(`a token of kind ${kind} needs --${asked}`);
  if (values[other] !== undefined) return wrong(`--${other} does not go with --kind ${kind}`);

  const tenantId = values.tenant === undefined ? undefined : parseId<"Tenant">(values.tenant);
  if (values.tenant !== undefined && tenantId === undefined) {
    return wrong(`--tenant must be a tenant's id, ${values.tenant} is none`);
  }
  const hours = values.hours === undefined ? undefined : Number(values.hours);
  if (hours !== undefined && !(hours > 0)) return wrong("--hours must be a number above 0");
  const named = values.scopes?.split(",").map((scope) => scope.trim());
  const unknown = named?.find((scope) => !isScope(scope));
  if (unknown !== undefined) {
    return wrong(`--scopes has ${unknown}, which is none of ${scopes.join(", ")}`);
  }
  return {
    kind: "token",
    tenantId,
    principalKind: kind,
    name,
    scopes: named?.filter(isScope),
    lifeMs: hours === undefined ? undefined : Math.round(hours * hourMs),
    once,
  };
}

function wrong(message: string): Wanted {
  return { kind: "wrong", message };
}
