/**
 * Writes the files that follow from other files; with `--check` it writes nothing, names those
 * that differ from what they should be and ends with 1.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { settingsMarkdown } from "../server/settings.ts";
import { machinesDocument } from "./generate/machines.ts";
import { openapiDocument } from "./generate/openapi.ts";
import { refusalsDocument } from "./generate/refusals.ts";
import { schemaDocument } from "./generate/schema.ts";
import { sdkTypes } from "./generate/sdk.ts";

interface Generator {
  /** Relative to the root of the project. */
  readonly path: string;
  make(): Promise<string>;
}

const generators: readonly Generator[] = [
  { path: "docs/refusals.md", make: refusalsDocument },
  { path: "docs/operating/settings.md", make: async () => settingsMarkdown() },
  { path: "docs/operating/machines.md", make: machinesDocument },
  { path: "openapi.json", make: openapiDocument },
  { path: "sdk/generated/openapi.ts", make: sdkTypes },
  { path: "server/migrations/schema.sql", make: schemaDocument },
];

const root = fileURLToPath(new URL("..", import.meta.url));

function isCurrent(path: string, text: string): boolean {
  try {
    return readFileSync(join(root, path), "utf8") === text;
  } catch {
    return false;
  }
}

async function generate(options: { check: boolean }): Promise<void> {
  for (const { path, make } of generators) {
    const text = await make();
    if (isCurrent(path, text)) continue;
    if (options.check) {
      console.log(`${path} is out of date: run npm run generate`);
      process.exitCode = 1;
      continue;
    }
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  await generate(values);
}
