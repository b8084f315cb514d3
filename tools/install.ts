/**
 * Brings node_modules in line with package-lock.json, and has the server compiled: `install.ts
 * <npm-cli.js> <stamp> <folder of compiled code>`. Started by bootstrap.mjs when the stamp in
 * node_modules is not the one that it expects. It runs before anything is installed, so it uses
 * nothing but Node and our own files that do the same.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readHolder, waitForFileLock } from "../server/kernel/file-lock.ts";
import type { FileLock } from "../server/kernel/file-lock.ts";
import { identityOf, isRunning, signal, waitForExit } from "../server/kernel/process.ts";
import type { ProcessIdentity } from "../server/kernel/process.ts";
import { heapArguments } from "../server/kernel/heap.ts";
import { missingPackages } from "./install/missing-packages.ts";

const root = dirname(import.meta.dirname);
const stampFile = join(root, "node_modules/.tongbao-stamp");

const [npm, stamp, compileCache] = process.argv.slice(2);
if (npm === undefined || stamp === undefined || compileCache === undefined) {
  throw new Error("usage: install.ts <npm-cli.js> <stamp> <folder of compiled code>");
}
mkdirSync(join(root, ".tongbao"), { recursive: true });
// Two starts at once would delete each other's packages.
const lock = await waitForFileLock(join(root, ".tongbao/install.lock"));
try {
  await stopFormerInstall(lock);
  process.exitCode = await install(npm, stamp, lock);
} finally {
  lock.release();
}

async function install(npmCli: string, wanted: string, lock: FileLock): Promise<number> {
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === wanted) return 0;
  // Packages that were installed by hand and are the right ones stay; programs may be using them.
  if (missingPackages(root).length > 0) {
    if (tellIfRunning()) return 1;
    const code = await runNpm(npmCli, lock);
    if (code !== 0) return code;
  }
  await compileServer();
  writeFileSync(stampFile, wanted);
  return 0;
}

/**
 * For the first start; each program adds what it has compiled when it ends. It holds for the same
 * user, Node and arguments. The server ends as soon as it is loaded: it refuses a port that is no
 * number, and to have no database. If nothing comes of it, the first start takes longer.
 */
async function compileServer(): Promise<void> {
  const args = [...heapArguments(), join(root, "server/main.ts")];
  const refused = { PORT: "none", DATABASE_URL: "" };
  const env = { ...process.env, ...refused, NODE_COMPILE_CACHE: compileCache };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: "ignore", timeout: 30_000 });
  await once(child, "close").catch(() => undefined);
}

/** Packages that vanish under a running platform would break it at some later moment. */
function tellIfRunning(): boolean {
  const home = resolve(root, process.env["TONGBAO_HOME"] || ".tongbao");
  const holder = readHolder(join(home, "run.lock"));
  if (holder === undefined || !isRunning(holder)) return false;
  process.stderr.write(`Tongbao runs here (process ${holder.pid}) on older packages: stop it.\n`);
  return true;
}

/** None of our packages needs its install script, and so none of them gets to run one. */
async function runNpm(npmCli: string, lock: FileLock): Promise<number> {
  const flags = ["--ignore-scripts", "--include=dev", "--include=optional", "--no-audit"];
  const child = spawn(process.execPath, [npmCli, "ci", ...flags, "--no-fund"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => child.kill(name));
  }
  if (child.pid !== undefined) lock.setFacts({ npm: identityOf(child.pid) });
  const [code] = await once(child, "close");
  return typeof code === "number" ? code : 1;
}

/** The npm of an installer that was killed may still be at work on the same files. */
async function stopFormerInstall({ former }: FileLock): Promise<void> {
  const npm = former?.facts["npm"] as ProcessIdentity | undefined;
  if (npm === undefined || !isRunning(npm)) return;
  signal(npm.pid, "SIGKILL");
  await waitForExit(npm, 5_000);
}
