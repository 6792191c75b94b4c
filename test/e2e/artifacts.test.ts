// Contract: a component may be an image. It is fetched without holding up anything else; a device that has it boots without
// a network; another name for the same bytes restarts nothing; a kill at any time leaves nothing wrong behind.

import { Objm } from "@nats-io/obj";
import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { afterEach, beforeEach, describe, test } from "vitest";
import type { ComponentStatus } from "../../src/domain/status.ts";
import { fixtureComponent, PETIOLE, petiole, startAgent, type TestAgent } from "../support/agent.ts";
import { push, sha256, wasmLike } from "../support/artifacts.ts";
import { startNats } from "../support/nats.ts";
import { spawnProcess, tempFolder } from "../support/processes.ts";
import { startRegistry, testRegistryBinary, type TestRegistry } from "../support/registry.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";

const binary = await testRegistryBinary();
/** Imports nothing that needs a link. */
const PLAIN = await readFile(fixtureComponent("wasi"));

/** The same component with another digest: a custom section more. */
function variant(text: string): Buffer {
  const body = Buffer.concat([Buffer.from([4]), Buffer.from("test"), Buffer.from(text)]);
  return Buffer.concat([PLAIN, Buffer.from([0, body.byteLength]), body]);
}

async function component(agent: TestAgent, id = "app"): Promise<ComponentStatus | undefined> {
  return (await agent.status()).components.find((one) => one.id === id);
}
const runs = (agent: TestAgent, digest: string, id = "app"): Promise<unknown> =>
  waitFor(`"${id}" to run ${digest}`, async () => {
    const found = await component(agent, id);
    return found?.state === "running" && found.digest === digest;
  });
const logged = (agent: TestAgent, message: string, id = "app"): number =>
  agent
    .output()
    .split("\n")
    .filter((line) => line.includes(`"msg":"${message}"`) && line.includes(`"component":"${id}"`)).length;

describe.skipIf(binary === undefined)("petiole with images", () => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await startRegistry({ binary: binary! });
  });
  afterEach(() => registry[Symbol.asyncDispose]());
  const at = (name: string): string => `${registry.host}/${name}`;
  const artifacts = () => ({ registries: { [registry.host]: { insecure: true } } });

  test("boots without the registry once it has the component", async ({ expect }) => {
    const v1 = variant("boot 1");
    await push(at("boot/app:1"), v1);
    await using agent = await startAgent({ artifacts: artifacts(), components: { app: { image: at("boot/app:1") } } });
    await runs(agent, sha256(v1));
    expect((await component(agent))?.image).toEqual({
      reference: at("boot/app:1"),
      digest: expect.stringMatching(/^sha256:/),
    });
    const { stdout } = await petiole("status", "--config", agent.configFile);
    expect(stdout).toContain(`app: image ${at("boot/app:1")} is sha256:`);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await agent.stop(signal);
      await registry.stop();
      await agent.start();
      // Ready means that everything local had its first try.
      const found = await component(agent);
      expect(found).toMatchObject({ state: "running", digest: sha256(v1) });
      expect(found?.lastError).toBeUndefined();
      await registry.start();
    }
  });

  test("holds nothing up while the registry is away, and goes on when it is there", async ({ expect }) => {
    const v1 = variant("away 1");
    await push(at("away/app:1"), v1);
    await registry.stop();
    await using agent = await startAgent({
      artifacts: artifacts(),
      components: { app: { image: at("away/app:1") }, other: { file: fixtureComponent("wasi") } },
    });
    expect(await component(agent, "other")).toMatchObject({ state: "running" });
    await waitFor("the failure to show", async () => (await component(agent))?.state === "failed");
    expect((await component(agent))?.lastError?.code).toBe("ERR_ARTIFACT_UNREACHABLE");
    await registry.start();
    await runs(agent, sha256(v1));
    expect((await component(agent))?.lastError).toBeUndefined();
    expect(logged(agent, "Component started", "other")).toBe(1);
  });

  test("with `always` starts what it has, and then what the tag is now", async ({ expect }) => {
    const [v1, v2] = [variant("always 1"), variant("always 2")];
    await push(at("always/app:1"), v1);
    await using agent = await startAgent({
      artifacts: artifacts(),
      components: {
        app: { image: at("always/app:1"), image_pull: "always" },
        fixed: { image: at("always/app:1") },
      },
    });
    await runs(agent, sha256(v1));
    await runs(agent, sha256(v1), "fixed");
    await agent.stop("SIGTERM");
    await push(at("always/app:1"), v2);
    await agent.start();
    await runs(agent, sha256(v2));
    expect(await component(agent, "fixed")).toMatchObject({ state: "running", digest: sha256(v1) });
    const { stdout } = await petiole("artifacts", "list", "--json", "--config", agent.configFile);
    const found = (JSON.parse(stdout) as { artifacts: { content: string; components: unknown[] }[] }).artifacts;
    expect(found.find(({ content }) => content === sha256(v1))?.components).toEqual([
      { component: "app", role: "previous" },
      { component: "fixed", role: "current" },
    ]);
  });

  test("does not start what is not the digest that is wanted", async ({ expect }) => {
    await push(at("wanted/app:1"), variant("wanted 1"));
    const digest = sha256(variant("wanted 2"));
    await using agent = await startAgent({
      artifacts: artifacts(),
      components: { app: { image: at("wanted/app:1"), digest } },
    });
    await waitFor("the refusal", async () => (await component(agent))?.lastError?.code === "ERR_COMPONENT_DIGEST");
    expect(logged(agent, "Component started")).toBe(0);
  });

  test("follows the hub's document: another name restarts nothing, and the old one runs until the new one is there", async ({
    expect,
  }) => {
    const [v1, v2] = [variant("document 1"), variant("document 2")];
    await push(at("document/app:1"), v1);
    await push(at("document/app:stable"), v1);
    await using hub = await startNats({ jetstream: true });
    const cloud = await connect({ servers: hub.url });
    await using stack = new AsyncDisposableStack();
    stack.defer(() => cloud.close());
    const bucket = await new Kvm(cloud).create("petiole-desired");
    const objects = await new Objm((await jetstreamManager(cloud)).jetstream()).create("components");
    const put = (app: object): Promise<number> => bucket.put("gw-1", stringify({ components: { app } }));
    await using agent = await startAgent({
      artifacts: artifacts(),
      hub: { mode: "direct", urls: [hub.url], stream: { create: true }, desired_state: true },
    });
    await put({ image: at("document/app:1") });
    await runs(agent, sha256(v1));
    await put({ image: at("document/app:stable") });
    await waitFor("the new name", async () => {
      const image = (await component(agent))?.image;
      return image?.reference === at("document/app:stable") && image.digest !== undefined;
    });
    expect(logged(agent, "Component started")).toBe(1);
    // The next one is not there yet.
    await put({ image: at("document/app:2") });
    await waitFor("the failure to show", async () => (await component(agent))?.lastError !== undefined);
    expect(await component(agent)).toMatchObject({
      state: "running",
      digest: sha256(v1),
      lastError: { code: "ERR_ARTIFACT_NOT_FOUND" },
    });
    // From the hub's object store, for a device that reaches nothing else.
    await objects.putBlob({ name: "app.wasm" }, v2);
    await put({ image: "nats-object://components/app.wasm" });
    await runs(agent, sha256(v2));
    expect(logged(agent, "Component started")).toBe(1);
    expect(logged(agent, "Component has a new version")).toBe(1);
    await agent.stop("SIGKILL");
    await hub.kill();
    await agent.start();
    expect(await component(agent)).toMatchObject({ state: "running", digest: sha256(v2) });
  });

  describe("the command line", () => {
    test("pushes, pulls, lists and prunes", async ({ expect }) => {
      await using folder = await tempFolder();
      const [file, out] = [join(folder.path, "app.wasm"), join(folder.path, "out.wasm")];
      const config = join(folder.path, "petiole.yaml");
      await writeFile(file, variant("cli"));
      const state_dir = join(folder.path, "state");
      await writeFile(config, stringify({ device: { id: "gw-1" }, state_dir, artifacts: artifacts() }));

      const pushed = await petiole("push", file, at("cli/app:1"), "--version", "1.2.3", "--insecure", "--json");
      expect(pushed).toMatchObject({ code: 0, stderr: "" });
      const { digest, content } = JSON.parse(pushed.stdout) as { digest: string; content: string };
      expect(content).toBe(sha256(variant("cli")));

      // As wash of wasmCloud 1.x and 2.x reads it.
      const answer = await fetch(`http://${registry.host}/v2/cli/app/manifests/1`, {
        headers: { accept: "application/vnd.oci.image.manifest.v1+json" },
      });
      const text = await answer.text();
      expect(`sha256:${createHash("sha256").update(text).digest("hex")}`).toBe(digest);
      const manifest = JSON.parse(text) as { config: { digest: string } };
      expect(manifest).toMatchObject({
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: { mediaType: "application/vnd.wasm.config.v0+json" },
        layers: [{ mediaType: "application/wasm", digest: content }],
        annotations: { "org.opencontainers.image.version": "1.2.3" },
      });
      const described = await fetch(`http://${registry.host}/v2/cli/app/blobs/${manifest.config.digest}`);
      expect(await described.json()).toEqual({
        created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        architecture: "wasm",
        os: "wasip2",
        layerDigests: [content],
        component: { exports: expect.any(Array), imports: expect.any(Array) },
      });

      expect(await petiole("pull", at(`cli/app@${digest}`), "--insecure", "--out", out)).toMatchObject({ code: 0 });
      expect(await readFile(out)).toEqual(variant("cli"));
      expect(await readdir(folder.path)).not.toContain("out.wasm.part");

      const pulled = await petiole("pull", at("cli/app:1"), "--config", config);
      expect(pulled.stdout).toContain(`${at("cli/app:1")}: ${digest}`);
      await registry.stop();
      const offline = await petiole("pull", at("cli/app:1"), "--config", config);
      await registry.start();
      expect(offline).toMatchObject({ code: 0, stdout: expect.stringContaining("as it was resolved before") });

      const list = await petiole("artifacts", "list", "--config", config);
      expect(list.stdout).toMatch(/COMPONENT +SIZE +USED +BY +REFERENCE +RESOLVED/);
      expect(list.stdout).toContain(at("cli/app:1"));
      const dry = await petiole("artifacts", "prune", "--dry-run", "--config", config);
      expect(dry.stdout).toContain("1 would be removed");
      const pruned = await petiole("artifacts", "prune", "--config", config);
      expect(pruned.stdout).toMatch(/1 removed, .*; 0 B stay/);
      expect((await petiole("artifacts", "list", "--config", config)).stdout).toMatch(/^0 B of 512 MiB used in /);
    });

    test.for([
      ["pull", "https://x/y", "ERR_ARTIFACT_REFERENCE", 2],
      ["pull", "nats-object://a/b", "ERR_ARTIFACT_REFERENCE", 2],
      ["pull", "127.0.0.1:1/a:1", "ERR_ARTIFACT_UNREACHABLE", 3],
    ] as const)("says what is wrong: petiole %s %s", async ([command, reference, code, exit], { expect }) => {
      await using folder = await tempFolder();
      const result = await petiole(command, reference, "--out", join(folder.path, "x"), "--insecure");
      expect(result).toMatchObject({ code: exit, stderr: expect.stringContaining(`petiole: ${code}: `) });
    });

    test("refuses to push what is no component", async ({ expect }) => {
      await using folder = await tempFolder();
      const file = join(folder.path, "a.wasm");
      await writeFile(file, "hello");
      const result = await petiole("push", file, at("cli/none:1"), "--insecure");
      expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("ERR_COMPONENT_INVALID") });
    });
  });

  test("a kill at any time leaves nothing wrong, and what came is not fetched again", async ({ expect }) => {
    const big = wasmLike(3_000_000, "kill");
    await push(at("kill/app:1"), big);
    await using link = await startTcpProxy({ port: registry.port });
    await using folder = await tempFolder();
    const config = join(folder.path, "petiole.yaml");
    const state_dir = join(folder.path, "state");
    const reference = `127.0.0.1:${link.port}/kill/app:1`;
    const registries = { [`127.0.0.1:${link.port}`]: { insecure: true } };
    await writeFile(config, stringify({ device: { id: "gw-1" }, state_dir, artifacts: { registries } }));
    const blobs = join(state_dir, "artifacts", "blobs");
    link.throttle(4_000_000);
    let passed = 0;
    let kills = 0;
    // Each time a bit further, the last times about when the file gets its name.
    for (const share of [0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.95, 0.999, 0.9999]) {
      await using child = await spawnProcess(PETIOLE, ["pull", reference, "--config", config]);
      let own = 0;
      const before = await readPart();
      link.onDownload((bytes) => {
        passed += bytes;
        own += bytes;
        if (before + own < share * big.byteLength) return;
        kills++;
        child.signal("SIGKILL");
        link.onDownload(() => {});
      });
      await child.exited;
      for (const name of await readdir(blobs).catch(() => [])) {
        expect(`sha256:${name.replace(".wasm", "")}`).toBe(sha256(await readFile(join(blobs, name))));
      }
    }
    async function readPart(): Promise<number> {
      const parts = join(state_dir, "artifacts", "parts");
      const names = await readdir(parts).catch(() => []);
      return names[0] === undefined ? 0 : (await readFile(join(parts, names[0]))).byteLength;
    }
    expect(kills).toBeGreaterThanOrEqual(7);
    link.throttle(undefined);
    link.onDownload((bytes) => (passed += bytes));
    expect(await petiole("pull", reference, "--config", config)).toMatchObject({ code: 0 });
    expect(await readdir(blobs)).toEqual([`${sha256(big).slice(7)}.wasm`]);
    expect(await readFile(join(blobs, `${sha256(big).slice(7)}.wasm`))).toEqual(big);
    process.stderr.write(
      `${kills} kills; ${((passed / big.byteLength) * 100).toFixed(0)} % of the bytes came over the link in all\n`,
    );
  });
});
