/** `npm run token -- --help` says what it does. */
import { resolve } from "node:path";
import { run } from "./token/run.ts";

process.exitCode = await run({
  args: process.argv.slice(2),
  environment: process.env,
  root: resolve(import.meta.dirname, ".."),
  print: (line) => void process.stdout.write(`${line}\n`),
  say: (line) => void process.stderr.write(`${line}\n`),
});
