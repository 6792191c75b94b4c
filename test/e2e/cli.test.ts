// Contract: what docs/cli.md says of output and exit codes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, test } from "vitest";
import { VERSION } from "../../src/domain/version.ts";
import { exampleComponent, PETIOLE, petiole, startAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

describe("petiole", () => {
  test.for([
    [["--help"], 0, /Usage: petiole/],
    [["run", "--help"], 0, /--config <file>/],
    [["status", "--help"], 0, /--json/],
    [["config", "check", "--help"], 0, /configuration file/],
    [["component", "inspect", "--help"], 0, /component \(\.wasm\)/],
    [["version", "--help"], 0, /versions of petiole/],
    [["nonsense"], 2, /unknown command 'nonsense'/],
    [["run", "--nonsense"], 2, /unknown option/],
    [["run", "--config", "/nowhere/petiole.yaml"], 2, /ERR_CONFIG_UNREADABLE/],
    [["status", "--socket", "/nowhere/petiole.sock"], 3, /ERR_CONTROL_UNREACHABLE/],
    [["component", "inspect", "/nowhere.wasm"], 2, /ERR_COMPONENT_UNREADABLE/],
    [["gpio", "watch", "--help"], 0, /--debounce <duration>/],
    [["gpio", "get", "/dev/nowhere", "17"], 3, /ERR_DEVICE_(MISSING|ADDON)/],
    [["gpio", "set", "0", "17=on"], 2, /want such as GPIO27=active/],
    [["component", "inspect", import.meta.filename], 2, /ERR_COMPONENT_INVALID.*not WebAssembly/],
  ] as const)("%j ends with %d", async ([args, code, text], { expect }) => {
    const result = await petiole(...args);
    expect(result.stdout + result.stderr).toMatch(text);
    expect(result.code).toBe(code);
  });

  test("ends quietly when whoever reads has seen enough", async ({ expect }) => {
    const child = spawn(PETIOLE, ["completion", "json"], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
    expect([said, code]).toEqual(["", 0]);
  });

  test("version --json names the parts", async ({ expect }) => {
    const { stdout } = await petiole("version", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ petiole: VERSION, node: expect.stringMatching(/^26\./) });
  });

  test("component inspect says what needs a link", async ({ expect }) => {
    const { stdout } = await petiole("component", "inspect", "--json", exampleComponent("smoother"));
    const report = JSON.parse(stdout) as { imports: { name: string; servedBy: string }[]; exports: { name: string }[] };
    const byLink = report.imports.filter(({ servedBy }) => servedBy === "link").map(({ name }) => name);
    expect(byLink.sort()).toEqual([
      "wasi:keyvalue/atomics@0.2.0-draft",
      "wasi:keyvalue/store@0.2.0-draft",
      "wasmcloud:messaging/consumer@0.2.0",
    ]);
    expect(report.exports.map(({ name }) => name)).toContain("wasmcloud:messaging/handler@0.2.0");
  });

  test("config check prints every fault with its line, the providers' own too", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "petiole.yaml");
    await writeFile(
      file,
      "device: { id: d }\nproviders:\n  b:\n    type: mqtt\n    config: { colour: red }\n  c: { type: nosuch }\n",
    );
    const { code, stderr } = await petiole("config", "check", file);
    expect(code).toBe(2);
    expect(stderr).toContain(`${file}:5:15: providers.b.config.colour: this key is not known here`);
    expect(stderr).toMatch(/:6:8: providers\.c\.type: there is no provider type "nosuch", want one of .*mqtt/);
    const json = await petiole("config", "check", "--json", file);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, code: "ERR_CONFIG_INVALID" });
    expect(json.code).toBe(2);
  });
});

describe("petiole doctor", () => {
  const checks = (stdout: string): Record<string, string[]> => {
    const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string }[] };
    return Object.fromEntries(
      [...Map.groupBy(findings, ({ check }) => check)].map(([check, all]) => [check, all.map(({ level }) => level)]),
    );
  };

  test("looks at a device without an agent, and names what is missing", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "petiole.yaml");
    await writeFile(
      file,
      `device: { id: d }\nstate_dir: .\nruntime_dir: .\nproviders:\n  box: { type: i2c, config: { bus: { backend: kernel, path: /dev/nowhere } } }\n`,
    );
    const { code, stdout } = await petiole("doctor", "--config", file);
    expect(stdout).toMatch(/^agent +warning +none answers$/m);
    expect(stdout).toMatch(/^devices +fault +box: \/dev\/nowhere is not there$/m);
    expect(code).toBe(3);
    const json = await petiole("doctor", "--config", file, "--json", "--offline", "90d");
    expect(checks(json.stdout)).toMatchObject({ agent: ["warning"], devices: ["fault"] });
    expect(JSON.parse(json.stdout)).toMatchObject({ forecast: expect.any(Array) });
    expect((await petiole("doctor", "--config", file, "--offline", "soon")).code).toBe(2);
    expect((await petiole("doctor", "--config", "/nowhere.yaml")).stderr).toContain("ERR_CONFIG_UNREADABLE");
  });

  test("tells what a running agent says, and when its lanes are full", async ({ expect }) => {
    await using agent = await startAgent({ providers: { kv: { type: "keyvalue-sqlite" } } });
    await petiole("outbox", "publish", "a", "--lane", "critical", "--socket", agent.socket);
    const { stdout } = await petiole("doctor", "--config", agent.configFile, "--json", "--offline", "3650d");
    expect(checks(stdout)).toMatchObject({ agent: ["ok"], hub: ["note"], store: ["ok"], devices: ["ok"] });
    const { forecast } = JSON.parse(stdout) as { forecast: { kind: string; what: string }[] };
    expect(forecast.find(({ kind }) => kind === "loss")?.what).toMatch(/^lane critical is full/);
  });
});

describe("petiole run and status", () => {
  test("works with no hub, shows it, and stops on SIGTERM with 0", async ({ expect }) => {
    await using agent = await startAgent({ providers: { kv: { type: "keyvalue-sqlite" } } });
    const text = await petiole("status", "--config", agent.configFile);
    expect(text.stdout).toMatch(/gw-1: petiole .*\nhub: none configured, working offline/);
    const json = await petiole("status", "--json", "--socket", agent.socket);
    expect(JSON.parse(json.stdout)).toMatchObject({ device: "gw-1", pid: agent.pid, hub: { link: "disabled" } });
    expect(await agent.stop("SIGTERM")).toBe(0);
  });

  test("shows what is measured, to a Prometheus too, and runs without that when its address is taken", async ({
    expect,
  }) => {
    const metrics = { listen: `127.0.0.1:${await freePort()}` };
    await using agent = await startAgent({ metrics, providers: { kv: { type: "keyvalue-sqlite" } } });
    const up = 'petiole_provider_running{provider="kv",type="keyvalue-sqlite"} 1';
    expect((await petiole("metrics", "--socket", agent.socket)).stdout.split("\n")).toContain(up);
    const json = await petiole("metrics", "--json", "--socket", agent.socket);
    expect(JSON.parse(json.stdout)).toContainEqual(expect.objectContaining({ name: "petiole_info", kind: "gauge" }));
    const scraped = await fetch(`http://${metrics.listen}/metrics`);
    expect([scraped.headers.get("content-type"), (await scraped.text()).split("\n")]).toEqual([
      expect.stringContaining("text/plain; version=0.0.4"),
      expect.arrayContaining([up]),
    ]);
    expect((await fetch(`http://${metrics.listen}/`)).status).toBe(404);
    await using other = await startAgent({ metrics });
    await waitFor("the log to say it", () => other.output().includes("ERR_METRICS_LISTEN"));
    expect((await petiole("metrics", "--socket", other.socket)).code).toBe(0);
  });

  test("stops at once when told so while it still starts", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "petiole.yaml");
    const component = { file: exampleComponent("smoother") };
    const dirs = { state_dir: "state", cache_dir: "cache", runtime_dir: "run" };
    // It has no links: were it transpiled to its end, that would be an error.
    await writeFile(file, JSON.stringify({ device: { id: "gw-1" }, ...dirs, components: { a: component } }));
    await using agent = await spawnProcess(PETIOLE, ["run", "--config", file]);
    await waitFor("the agent to start", () => agent.output().includes("Agent is starting"));
    agent.signal("SIGTERM");
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    expect(agent.output()).not.toContain('"level":"error"');
  });

  test("says what is wrong with its folders: that is no bug", async ({ expect }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "petiole.yaml");
    for (const dirs of [
      { state_dir: "/dev/null/state" },
      { state_dir: "state", cache_dir: "c", runtime_dir: "/dev/null/r" },
    ]) {
      await writeFile(file, JSON.stringify({ device: { id: "gw-1" }, ...dirs }));
      const { code, stderr } = await petiole("run", "--config", file);
      expect(stderr).toMatch(/^petiole: ERR_(STORE_OPEN|CONTROL_UNREACHABLE): Cannot .*"\/dev\/null\//);
      expect(code).toBe(3);
    }
  });

  test("a second agent on the same state refuses", async ({ expect }) => {
    await using agent = await startAgent({});
    const { code, stderr } = await petiole("run", "--config", agent.configFile);
    expect(stderr).toContain("ERR_STORE_LOCKED");
    expect(code).toBe(3);
    expect((await agent.status()).pid).toBe(agent.pid);
  });

  test("starts without its hub, without a usable nats-server, and says so", async ({ expect }) => {
    const listen = `127.0.0.1:${await freePort()}`;
    const monitor = `127.0.0.1:${await freePort()}`;
    const hub = { urls: [`nats-leaf://127.0.0.1:${await freePort()}`], domain: "hub" };
    await using agent = await startAgent({ hub, leaf: { listen, monitor, server: "/nowhere/nats-server" } });
    await expect
      .poll(async () => (await agent.status()).hub, { timeout: 10_000 })
      .toMatchObject({
        link: "offline",
        mode: "leaf",
        reason: expect.stringContaining("/nowhere/nats-server"),
      });
    expect(await agent.stop("SIGTERM")).toBe(0);
  });
});
