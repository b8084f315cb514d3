import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { identityOf, waitForExit } from "../server/kernel/process.ts";
import { missingPackages } from "./install/missing-packages.ts";

let root = "";

/** A project in which everything is installed already, so that nothing touches the network. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tongbao-bootstrap-"));
  mkdirSync(join(root, "tools"));
  mkdirSync(join(root, "node_modules"));
  copyFileSync(join(import.meta.dirname, "bootstrap.mjs"), join(root, "tools/bootstrap.mjs"));
  const lock = JSON.stringify({ packages: {} });
  const hash = createHash("sha256").update(lock).digest("hex");
  writeFileSync(join(root, "package-lock.json"), lock);
  const stamp = `${hash} ${process.platform}-${process.arch}`;
  writeFileSync(join(root, "node_modules/.tongbao-stamp"), stamp);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function bootstrap(program: string, options: { args?: string[]; env?: object } = {}) {
  writeFileSync(join(root, "tools/program.ts"), program);
  const args = ["tools/bootstrap.mjs", "tools/program.ts", ...(options.args ?? [])];
  const env = { ...process.env, ...options.env };
  const child = spawn(process.execPath, args, { cwd: root, env });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  const exit = once(child, "close").then(([code]) => ({ code: code as unknown, output }));
  return { child, exit };
}

test("runs TypeScript with its arguments and passes its exit code on", async () => {
  const program = `const words: string[] = process.argv.slice(2);
    console.log(words.join(" "));
    process.exitCode = 7;`;
  const { exit } = bootstrap(program, { args: ["one", "--two"] });
  expect(await exit).toEqual({ code: 7, output: "one --two\n" });
});

test("keeps what it has compiled", async () => {
  const program = `import { flushCompileCache, getCompileCacheDir } from "node:module";
    flushCompileCache();
    console.log(getCompileCacheDir());`;
  const { exit } = bootstrap(program, { env: { TONGBAO_HOME: "", NODE_COMPILE_CACHE: "" } });
  const { output } = await exit;
  expect(output).toContain(join(root, ".tongbao/compiled"));
  expect(readdirSync(output.trim())).not.toEqual([]);
});

test("passes a signal on and waits for the end", async () => {
  const program = `process.on("SIGTERM", () => process.exit(3));
    setInterval(() => undefined, 1000);
    console.log("up");`;
  const { child, exit } = bootstrap(program);
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect((await exit).code).toBe(3);
});

test("what was stopped while it installed does not start, even when that went well", async () => {
  rmSync(join(root, "node_modules/.tongbao-stamp"));
  const install = `process.on("SIGTERM", () => process.exit(0));
    setInterval(() => undefined, 1000);
    require("node:fs").writeFileSync("installing", "");`;
  writeFileSync(join(root, "tools/install.ts"), install);
  const { child, exit } = bootstrap('console.log("started");');
  await vi.waitFor(() => expect(existsSync(join(root, "installing"))).toBe(true), 10_000);
  child.kill("SIGTERM");
  expect(await exit).toEqual({ code: 1, output: "Installing packages: stopped.\n" });
});

test("a program that listens learns that its bootstrap was killed", async () => {
  const program = `process.on("disconnect", () => process.exit(0));
    console.log(process.pid);`;
  const { child, exit } = bootstrap(program);
  const [pid] = await once(child.stdout, "data");
  const identity = identityOf(Number(String(pid)));
  child.kill("SIGKILL");
  await exit;
  expect(identity).toBeDefined();
  if (identity !== undefined) expect(await waitForExit(identity, 10_000)).toBe("exited");
});

test("keeps npm's configuration of the network, and nothing else of it", async () => {
  const program = `const names = Object.keys(process.env).filter((name) => /^npm_/.test(name));
    console.log(names.toSorted().join(" "));`;
  const env = {
    npm_config_registry: "http://127.0.0.1:1/",
    npm_config_cache: join(root, "cache"),
    npm_config_local_prefix: "/elsewhere",
    npm_config_omit: "dev",
    npm_package_name: "other",
  };
  const { output } = await bootstrap(program, { env }).exit;
  const names = output.trim().split(" ");
  expect(names).toContain("npm_config_registry");
  expect(names).toContain("npm_config_cache");
  expect(names).not.toContain("npm_config_local_prefix");
  expect(names).not.toContain("npm_config_omit");
  expect(names).not.toContain("npm_package_name");
});

test("says which setting to change when its folder can't be written", async () => {
  writeFileSync(join(root, "file"), "");
  const { exit } = bootstrap("", { env: { TONGBAO_HOME: join(root, "file/home") } });
  const { code, output } = await exit;
  expect(code).toBe(1);
  expect(output).toContain("set TONGBAO_HOME to a folder that you own");
});

test("finds packages that are absent or other ones than the lock says", () => {
  const [os, cpu] = [[process.platform], [process.arch]];
  const wanted = {
    "": {},
    "node_modules/same": { version: "1.0.0", integrity: "a" },
    "node_modules/older": { version: "1.0.1", integrity: "b" },
    "node_modules/other-content": { version: "1.0.0", integrity: "c" },
    "node_modules/absent": { version: "1.0.0" },
    "node_modules/for-this-platform": { version: "1.0.0", optional: true, os, cpu },
    "node_modules/for-another": { version: "1.0.0", optional: true, os: ["plan9"], cpu },
    "node_modules/for-anyone": { version: "1.0.0", optional: true },
  };
  const installed = {
    "node_modules/same": { version: "1.0.0", integrity: "a" },
    "node_modules/older": { version: "1.0.0", integrity: "b" },
    "node_modules/other-content": { version: "1.0.0", integrity: "x" },
    "node_modules/left-over": { version: "1.0.0" },
  };
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ packages: wanted }));
  const hidden = join(root, "node_modules/.package-lock.json");
  writeFileSync(hidden, JSON.stringify({ packages: installed }));
  expect(missingPackages(root)).toEqual([
    "node_modules/older",
    "node_modules/other-content",
    "node_modules/absent",
    "node_modules/for-this-platform",
  ]);
});
