export interface Settings {
  readonly host: string;
  readonly port: number;
  readonly speed: number;
  readonly statePath?: string;
  readonly publicUrl?: string;
}

export type SettingsOutcome =
  | { readonly kind: "settings"; readonly settings: Settings }
  | {
      readonly kind: "refused";
      readonly name: string;
      readonly value: string;
      readonly allowed: string;
    };

const portUsual = 8090;

export function readSettings(env: Readonly<Record<string, string | undefined>>): SettingsOutcome {
  const port = Number(env.SIMULATOR_PORT ?? portUsual);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    return refused("SIMULATOR_PORT", env, "0 to 65535");
  const speed = Number(env.SIMULATOR_SPEED ?? 1);
  if (!(speed > 0 && speed <= 1_000_000))
    return refused("SIMULATOR_SPEED", env, "a number above 0, at most 1000000");
  const { SIMULATOR_STATE: statePath, SIMULATOR_PUBLIC_URL: publicUrl } = env;
  if (publicUrl !== undefined && !URL.canParse(publicUrl))
    return refused("SIMULATOR_PUBLIC_URL", env, "a URL such as http://192.168.1.5:8090");
  return {
    kind: "settings",
    settings: {
      host: env.SIMULATOR_HOST ?? "127.0.0.1",
      port,
      speed,
      ...(statePath === undefined ? {} : { statePath }),
      ...(publicUrl === undefined ? {} : { publicUrl }),
    },
  };
}

function refused(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  allowed: string,
): SettingsOutcome {
  return { kind: "refused", name, value: env[name] ?? "", allowed };
}
