import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "vitest";
import { SecretReference } from "../domain/secret.ts";
import { keepConfig, recallConfig } from "./kept-config.ts";
import { loadConfigFast } from "./load.ts";

const TEXT = `
device: { id: gateway }
state_dir: state # beside this file
hub: { mode: direct, urls: ["tls://hub.example:4222"], enrolled: true }
secrets: { backends: { vault: { type: files, folder: /run/secrets } } }
components:
  smoother: { file: smoother.wasm, secrets: { token: { secret: token, field: value } }, config: { alpha: 0.5 } }
providers:
  store: { type: keyvalue-redis, config: { url: "redis://localhost", password: { secret: redis } } }
links:
  - { from: smoother, to: store, interfaces: ["wasi:keyvalue/store"], config: { bucket: b, null: ~ } }
`;

let folder = "";
let file = "";
let kept = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "petiole-kept-"));
  file = join(folder, "petiole.yaml");
  kept = join(folder, "state", "config.kept");
  await writeFile(file, TEXT);
  await mkdir(join(folder, "state"));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

async function keep(build = "one"): Promise<void> {
  await rm(kept, { force: true });
  await (await loadConfigFast(file, build)).keep();
}

describe("recallConfig()", () => {
  const recall = (build = "one", text = TEXT) => recallConfig({ text, path: file, build });

  test("gives what was parsed, references to secrets included, and frozen", async ({ expect }) => {
    const { config, keep } = await loadConfigFast(file, "one");
    await keep();
    const recalled = await recall();
    expect(recalled).toStrictEqual(config);
    expect(recalled?.components["smoother"]?.secrets["token"]).toBeInstanceOf(SecretReference);
    expect(recalled?.providers["store"]?.config).toMatchObject({ password: expect.any(SecretReference) as unknown });
    expect(Object.isFrozen(recalled?.links)).toBe(true);
  });

  test("gives nothing of another text, another program or another path", async ({ expect }) => {
    await keep();
    expect(await recall("two")).toBeUndefined();
    expect(await recall("one", `${TEXT}\n`)).toBeUndefined();
    expect(await recallConfig({ text: TEXT, path: join(folder, "other.yaml"), build: "one" })).toBeUndefined();
    expect(await recall()).toBeDefined();
  });

  test("gives nothing of a file that is damaged, cut off or none", async ({ expect }) => {
    await keep();
    const bytes = await readFile(kept);
    for (let at = 0; at < bytes.byteLength; at += 97) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 4;
      await writeFile(kept, damaged);
      expect(await recall()).toBeUndefined();
    }
    for (const end of [0, 10, 64, bytes.byteLength - 1]) {
      await writeFile(kept, bytes.subarray(0, end));
      expect(await recall()).toBeUndefined();
    }
    await rm(kept);
    expect(await recall()).toBeUndefined();
  });
});

describe("the kept file", () => {
  test("is for the agent alone, and is not believed when others could write to it", async ({ expect }) => {
    await keep();
    expect((await stat(kept)).mode & 0o777).toBe(0o600);
    const recall = async () => await recallConfig({ text: TEXT, path: file, build: "one" });
    for (const mode of [0o620, 0o602]) {
      await chmod(kept, mode);
      expect(await recall()).toBeUndefined();
    }
    await chmod(kept, 0o600);
    expect(await recall()).toBeDefined();
  });

  test("goes when nothing takes its place, with what power cuts left beside it", async ({ expect }) => {
    await keep();
    await writeFile(`${kept}.7.tmp`, "half");
    const state = join(folder, "state");
    // As JSON, the state folder is not found without reading the whole.
    await writeFile(file, JSON.stringify({ device: { id: "gateway" }, state_dir: state }));
    await (await loadConfigFast(file, "one")).keep();
    expect(await readdir(state)).toEqual([]);
  });

  test("is not written when it would be too large to be read", async ({ expect }) => {
    const { config } = await loadConfigFast(file, "one");
    const large = { ...config, device: { ...config.device, id: "x".repeat(4 * 1024 ** 2) } };
    await keepConfig(large, { text: TEXT, path: file, build: "one" });
    expect(await readdir(join(folder, "state"))).toEqual([]);
  });

  test.for([
    ["a comment", "state_dir: state#1", "state#1"],
    ["an anchor", "state_dir: &s state", "state"],
    ["quotes with escapes", 'state_dir: "st\\x61te"', "state"],
    ["a folded text", "state_dir: >-\n  state", "state"],
    ["a key in quotes", '"state_dir": state', "state"],
  ])("is found again or not kept, but never taken from elsewhere: %s", async ([, line = "", name = ""], { expect }) => {
    const text = TEXT.replace("state_dir: state # beside this file", line);
    await writeFile(file, text);
    await mkdir(join(folder, name), { recursive: true });
    const { config, keep: keepIt } = await loadConfigFast(file, "one");
    expect(config.state_dir).toBe(join(folder, name));
    await keepIt();
    const recalled = await recallConfig({ text, path: file, build: "one" });
    expect([undefined, config]).toContainEqual(recalled);
    expect((await readdir(config.state_dir)).length).toBe(recalled === undefined ? 0 : 1);
  });
});

describe("loadConfigFast()", () => {
  test("reads a changed file anew, and what was kept in place of parsing", async ({ expect }) => {
    await keep();
    await writeFile(file, TEXT.replace("alpha: 0.5", "alpha: 0.7"));
    expect((await loadConfigFast(file, "one")).config.components["smoother"]?.config).toEqual({ alpha: "0.7" });
    await writeFile(file, "device: [");
    await expect(loadConfigFast(file, "one")).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
  });

  test("writes nothing at a start that was spared the reading", async ({ expect }) => {
    await keep();
    const { ino } = await stat(kept);
    await (await loadConfigFast(file, "one")).keep();
    expect((await stat(kept)).ino).toBe(ino);
    // Of a rollback: another program puts its own in place.
    await (await loadConfigFast(file, "two")).keep();
    expect(await recallConfig({ text: TEXT, path: file, build: "one" })).toBeUndefined();
    expect(await recallConfig({ text: TEXT, path: file, build: "two" })).toBeDefined();
  });

  test("keeps nothing of a program that may change at any time", async ({ expect }) => {
    await (await loadConfigFast(file, undefined)).keep();
    await expect(readFile(kept)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("keeps nothing where the next start would not look", async ({ expect }) => {
    await writeFile(file, JSON.stringify({ device: { id: "gateway" }, state_dir: join(folder, "state") }));
    await (await loadConfigFast(file, "one")).keep();
    await expect(readFile(kept)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
