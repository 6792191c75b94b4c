// Contract: the single executable does without Node, npm and a checkout what petiole does with them, threads, add-ons
// and the processes that it starts included.

import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import mqtt from "mqtt";
import { beforeAll, describe, test } from "vitest";
import { checkPages, readElf } from "../../cross-build/elf.ts";
import { bundlePage } from "../../cross-build/page.ts";
import { VERSION } from "../../src/domain/version.ts";
import { exampleComponent, fixtureComponent, startAgent } from "../support/agent.ts";
import { cannotBuild, hostBuild } from "../support/binary.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { startUiCommand } from "../support/ui-stage.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const reason = cannotBuild();

/** What only building components takes is in the npm package alone. */
const OF_THE_TOOLCHAIN = ["@types/node", "componentize-qjs", "rolldown", "typescript"];

/** What a device has to bring: all of it is in Debian's packages libc6, libstdc++6, libgcc-s1 and libatomic1. */
const LIBRARIES = [
  /^ld-linux-(?:x86-64|aarch64)\.so\./,
  /^libatomic\.so\.1$/,
  /^libc\.so\.6$/,
  /^libdl\.so\.2$/,
  /^libgcc_s\.so\.1$/,
  /^libm\.so\.6$/,
  /^libpthread\.so\.0$/,
  /^libstdc\+\+\.so\.6$/,
];

describe.skipIf(skipping(reason !== undefined, "the single executable", reason ?? ""))("the single executable", () => {
  let folder = "";
  let program = "";

  beforeAll(async () => {
    // Not where the checkout is: it must not find anything there.
    const elsewhere = await tempFolder();
    folder = await hostBuild();
    program = join(elsewhere.path, "petiole");
    cpSync(join(folder, "petiole"), program);
    return async () => await elsewhere[Symbol.asyncDispose]();
  }, 600_000);

  function run(args: readonly string[], input?: string): SpawnSyncReturns<string> {
    return spawnSync(program, args, { encoding: "utf8", input, cwd: "/", env: {} });
  }

  test("needs nothing but the C and C++ libraries, and loads on large pages", async ({ expect }) => {
    const bytes = await readFile(program);
    checkPages(bytes);
    const { needed } = readElf(bytes);
    expect(needed.filter((name) => !LIBRARIES.some((pattern) => pattern.test(name)))).toEqual([]);
    expect(needed).toContain("libatomic.so.1");
  });

  test("does not tell where it was built", async ({ expect }) => {
    const bytes = await readFile(program);
    expect(["native", "src", "node_modules"].filter((name) => bytes.includes(join(ROOT, name)))).toEqual([]);
  });

  test("names its parts", async ({ expect }) => {
    const { stdout, status } = run(["version", "--json"]);
    expect(status).toBe(0);
    const { dependencies } = JSON.parse(await readFile("package.json", "utf8")) as {
      dependencies: Record<string, string>;
    };
    expect(JSON.parse(stdout)).toMatchObject({
      petiole: VERSION,
      node: process.versions.node,
      commit: expect.stringMatching(/^[0-9a-f]{40}(?:-dirty)?$|^unknown$/),
      sqlite: expect.stringMatching(/^3\./),
      packages: Object.fromEntries(Object.entries(dependencies).filter(([name]) => !OF_THE_TOOLCHAIN.includes(name))),
    });
  });

  test("loads one add-on after another in one thread", async ({ expect }) => {
    await using folderOfConfig = await tempFolder();
    const file = join(folderOfConfig.path, "petiole.yaml");
    const config = {
      device: { id: "many" },
      ...Object.fromEntries(["state", "cache", "runtime"].map((kind) => [`${kind}_dir`, folderOfConfig.path])),
      providers: {
        pins: {
          type: "gpio",
          config: { chip: { backend: "cdev", chip: "none" }, lines: { one: { line: 1, direction: "input" } } },
        },
        uart: { type: "serial", config: { ports: { one: { path: "/dev/ttyNONE" } } } },
        store: { type: "keyvalue-sqlite" },
      },
    };
    await writeFile(file, JSON.stringify(config));
    const { stdout, stderr, status } = run(["agent", "preflight", "--config", file]);
    expect([stderr, status]).toEqual(["", 0]);
    expect(JSON.parse(stdout)).toMatchObject({ petiole: VERSION });
  });

  test("has its bill of materials and licences beside it", async ({ expect }) => {
    const bom: unknown = JSON.parse(await readFile(join(folder, "petiole.cdx.json"), "utf8"));
    const content = createHash("sha256")
      .update(await readFile(program))
      .digest("hex");
    expect(bom).toMatchObject({
      bomFormat: "CycloneDX",
      metadata: { component: { name: "petiole", version: VERSION, hashes: [{ alg: "SHA-256", content }] } },
    });
    expect(await readFile(join(folder, "licenses.txt"), "utf8")).toContain("Apache License");
  });

  test("has the live page inside", async ({ expect }) => {
    await using command = await startUiCommand(["--socket", "/nowhere"], program);
    for (const [path, { text }] of await bundlePage()) {
      expect(await (await fetch(new URL(path, command.url))).text()).toBe(text);
    }
  });

  test("says where the commands for writing components are", ({ expect }) => {
    for (const command of ["new", "build", "test", "dev"]) {
      const { status, stderr } = run([command, "demo", "--template", "http"]);
      expect([status, stderr]).toEqual([2, expect.stringContaining(`"npx petiole ${command}"`)]);
    }
    expect(run(["--help"]).stdout).not.toMatch(/^ +(?:new|build|dev) /m);
  });

  test("takes no flags from the environment", ({ expect }) => {
    const { stdout, status } = spawnSync(program, ["version"], {
      encoding: "utf8",
      env: { NODE_OPTIONS: "--no-such-flag" },
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining(VERSION)]);
  });

  test("has the add-ons for serial ports and for devices inside", ({ expect }) => {
    const { stdout, stderr } = run(["serial", "list", "--json"]);
    expect([JSON.parse(stdout || "{}"), stderr]).toEqual([{ ports: expect.any(Array) }, ""]);
    // It got as far as asking the kernel.
    expect(run(["gpio", "get", "/dev/null", "1"]).stderr).toContain("ENOTTY");
  });

  test("transpiles in a process of its own", async ({ expect }) => {
    await using out = await tempFolder();
    const request = { input: fixtureComponent("bare"), outputFolder: out.path };
    const { stdout, stderr } = run(["--node-options=--liftoff-only", "@transpile"], JSON.stringify(request));
    expect([JSON.parse(stdout || "{}"), stderr]).toEqual([{ ok: true, files: expect.any(Array) }, ""]);
    expect((await stat(join(out.path, "component.js"))).size).toBeGreaterThan(0);
  });

  test("compiles for devices of its own kind", async ({ expect }) => {
    await using out = await tempFolder();
    const [key, file] = [join(out.path, "key.pem"), join(out.path, "bare.aot")];
    expect(run(["keys", "generate", "--out", key]).status).toBe(0);
    const target = `linux-${process.arch}`;
    const { status, stderr } = run(
      ["compile", fixtureComponent("bare"), "--target", target].concat(["--key", key, "--out", file, "--json"]),
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(run(["component", "inspect", file]).stdout).toContain(process.arch);
  });

  test("runs the smoother on its broker and its store, and again from its cache", async ({ expect }) => {
    const port = await freePort();
    const interfaces = ["wasi:keyvalue/store", "wasi:keyvalue/atomics"];
    await using agent = await startAgent(
      {
        log: { level: "debug" },
        components: { smoother: { file: exampleComponent("smoother") } },
        providers: {
          broker: { type: "mqtt", config: { broker: { listen: `127.0.0.1:${port}` } } },
          store: { type: "keyvalue-sqlite" },
        },
        links: [
          {
            from: "broker",
            to: "smoother",
            interfaces: ["wasmcloud:messaging/handler"],
            config: { subscriptions: [{ topic: "sensors/#" }] },
          },
          { from: "smoother", to: "broker", interfaces: ["wasmcloud:messaging/consumer"] },
          { from: "smoother", to: "store", interfaces },
        ],
      },
      { program },
    );
    const reading = { sensor: "boiler", seq: 1, value: 50 };
    expect(await smooth(port, reading)).toEqual({ ...reading, smoothed: 50 });
    expect(await agent.stop("SIGTERM")).toBe(0);
    await agent.start();
    expect(await smooth(port, { ...reading, seq: 2 })).toMatchObject({ seq: 2 });
    expect(await agent.stop("SIGTERM")).toBe(0);
    expect(agent.output()).not.toMatch(/[Aa]dd-on for machine code/);
  });
});

async function smooth(port: number, reading: object): Promise<unknown> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
  try {
    const answer = new Promise<string>((resolve) => {
      client.on("message", (_topic, payload) => resolve(payload.toString()));
    });
    await client.subscribeAsync("readings.boiler");
    await client.publishAsync("sensors/boiler", JSON.stringify(reading), { qos: 1 });
    return JSON.parse(await answer);
  } finally {
    await client.endAsync(true);
  }
}
