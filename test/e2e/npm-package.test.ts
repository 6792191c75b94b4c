// Contract: npm pack gives a package that makes, tests and builds a component's project in an empty folder, with no
// compiler and nothing fetched after it is installed.

import { mkdir, readdir, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { bundlePage } from "../../cross-build/page.ts";
import { nativeAddonPath } from "../../src/runtime/machine-code/addon.ts";
import { spawnProcess, tempFolder, type TempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { startUiCommand } from "../support/ui-stage.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const LIMIT = 600_000;

const hasAddon = existsSync(nativeAddonPath());
const skip = skipping(!hasAddon, "the npm package", "its add-ons are not built: npm run build:native says why");

let folder: TempFolder | undefined;
let env: NodeJS.ProcessEnv;

async function npm(cwd: string, command: string, ...args: readonly string[]): Promise<string> {
  await using child = await spawnProcess(command, args, { cwd, env });
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}:\n${child.output()}`);
  return child.output();
}

beforeAll(async () => {
  if (skip) return;
  folder = await tempFolder();
  // What npm says to the scripts that it runs, this one among them, is not what a shell in an empty folder has.
  const plain = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith("npm_"));
  const path = (process.env["PATH"] ?? "").split(":").filter((one) => !one.includes("node_modules"));
  const cache = join(folder.path, "cache");
  env = {
    ...Object.fromEntries(plain),
    PATH: path.join(":"),
    // What npx installs goes with the test; the archives that npm has already are there to be used.
    npm_config_cache: cache,
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
    npm_config_yes: "true",
  };
  await mkdir(cache);
  const known = (await npm(ROOT, "npm", "config", "get", "cache", "--no-workspaces")).trim();
  const shared = known === cache ? join(process.env["HOME"] ?? "/root", ".npm") : known;
  if (existsSync(join(shared, "_cacache"))) await symlink(join(shared, "_cacache"), join(cache, "_cacache"));
  await npm(ROOT, "npm", "pack", "--silent", "--pack-destination", folder.path);
  // Who installs it needs no compiler: one that was asked for would fail.
  env = { ...env, CC: "/bin/false", CXX: "/bin/false" };
}, LIMIT);

afterAll(async () => await folder?.[Symbol.asyncDispose]());

describe.skipIf(skip)("the npm package", () => {
  test("makes a project, tests it and builds it", { timeout: LIMIT }, async ({ expect }) => {
    const at = folder?.path ?? "";
    const archive = (await readdir(at)).find((name) => name.endsWith(".tgz")) ?? "";
    const empty = join(at, "empty");
    await mkdir(empty);

    expect(await npm(empty, "npx", `../${archive}`, "new", "demo")).toContain("made from the template sensor");
    const demo = join(empty, "demo");
    expect(await npm(demo, "npm", "test")).toMatch(/pass 4\b[\s\S]*fail 0\b/);
    const built = await npm(demo, "npx", "petiole", "build");
    expect(built).toMatch(/^build\/demo\.wasm: [\d.]+ MiB, \d+ KiB with gzip, sha256:[0-9a-f]{64}$/m);
    expect(built).toMatch(/wasi:keyvalue\/store@0\.2\.0-draft +a link to keyvalue-sqlite or/);

    // The rest of the command line is there as well, workers and add-ons included.
    expect(await npm(demo, "npx", "petiole", "component", "inspect", "build/demo.wasm")).toContain("SERVED BY");
    expect(await npm(demo, "npx", "petiole", "version")).toMatch(/^petiole \d+\.\d+\.\d+ \(node 2[6-9]\./);
    await using command = await startUiCommand(["--socket", "/nowhere"], join(demo, "node_modules", ".bin", "petiole"));
    for (const [path, { text }] of await bundlePage()) {
      expect(await (await fetch(new URL(path, command.url))).text()).toBe(text);
    }
  });
});
