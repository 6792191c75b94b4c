// Contract: a device gets a new version of its agent over the lattice: what the hub wants of it, from the hub's object store or
// a registry, over a link that is cut in the middle; and the hub hears what became of it.

import { jetstreamManager } from "@nats-io/jetstream";
import { generateKeyPairSync } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { stringify } from "yaml";
import { VERSION } from "../../src/domain/version.ts";
import { packRelease } from "../../src/lib/release-file.ts";
import { signStatement } from "../../src/trust/statement.ts";
import { petiole } from "../support/agent.ts";
import { sha256 } from "../support/artifacts.ts";
import { startDistantHub } from "../support/distant-hub.ts";
import { startNats } from "../support/nats.ts";
import { tempFolder } from "../support/processes.ts";
import { startRegistry, testRegistryBinary } from "../support/registry.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { openUpdateWorld } from "../support/update-world.ts";
import { waitFor } from "../support/wait-for.ts";

/** Starts of an agent from its sources. */
const PATIENCE = 120_000;
const registry = await testRegistryBinary();

/** Gives what the command says to write into a document. */
async function push(file: string, reference: string, ...options: readonly string[]): Promise<object> {
  const { code, stdout, stderr } = await petiole("release", "push", file, reference, "--json", ...options);
  if (code !== 0) throw new Error(stderr);
  const { version, reference: release } = JSON.parse(stdout) as {
    readonly version: string;
    readonly reference: string;
  };
  return { agent: { version, release } };
}

test(
  "a device follows the hub to a new version, over a link that breaks off",
  { timeout: 400_000 },
  async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    const { hub, link, cloud, bucket, keys } = stack.use(await startDistantHub({ reachable: false }));
    const manager = await jetstreamManager(cloud);
    const want = async (document: object) => void (await bucket.put("gw-1", stringify(document)));
    const world = stack.use(await openUpdateWorld(keys));

    // Wanted while the device is away.
    const file = await world.release("7.0.0", [], 3_000_000);
    const { size } = await stat(file);
    await want(await push(file, "nats-object://releases/petiole.release", "--nats", hub.url));
    expect(await world.service.versions()).toMatchObject({ running: VERSION, installed: [] });

    let arrived = 0;
    let cuts = 0;
    link.throttle(1_000_000);
    link.onDownload((bytes) => {
      arrived += bytes;
      if (cuts > 0 || arrived < size / 2) return;
      cuts += 1;
      link.cut();
      setTimeout(() => link.mend(), 1000);
    });
    link.mend();
    await waitFor("the new version", async () => (await world.service.versions()).running === "7.0.0", PATIENCE);
    expect(cuts).toBe(1);
    expect(await world.service.settled("7.0.0")).toMatchObject({ isPackaged: false, packaged: VERSION, bad: [] });
    // It went on where it had ended.
    expect(arrived).toBeLessThan(size * 1.4);

    const told = async (): Promise<{ readonly type: string; readonly data: object }[]> => {
      const messages = await storedMessages(manager);
      const events = messages.filter(({ subject }) => subject.endsWith(".agent-update"));
      return events.map((message) => message.json<{ readonly type: string; readonly data: object }>());
    };
    await waitFor("the hub to hear of it", async () => (await told()).length > 0, PATIENCE);
    expect(await told()).toMatchObject([
      { type: "petiole.agent.update.accepted", data: { from: VERSION, to: "7.0.0" } },
    ]);

    // One whose signature is right and which is older is refused, and the hub hears of that, too.
    link.throttle(undefined);
    await want(await push(await world.release("0.0.9"), "nats-object://releases/older", "--nats", hub.url));
    await waitFor("the refusal", async () => (await told()).length === 2, PATIENCE);
    expect((await told())[1]).toMatchObject({
      type: "petiole.agent.update.refused",
      data: { to: "0.0.9", code: "ERR_TRUST_DOWNGRADE" },
    });
    expect(await world.service.versions()).toMatchObject({ running: "7.0.0" });
  },
);

test.skipIf(registry === undefined)(
  "a device takes a release from a registry",
  { timeout: 300_000 },
  async ({ expect }) => {
    await using images = await startRegistry({ binary: registry ?? "" });
    await using world = await openUpdateWorld({ artifacts: { registries: { [images.host]: { insecure: true } } } });
    const reference = `oci://${images.host}/petiole:7.1.0`;
    const file = await world.release("7.1.0");
    const tried = await petiole("release", "push", file, reference, "--insecure", "--dry-run");
    expect(tried.stdout).toContain("nothing was sent");
    await expect(world.update(reference)).rejects.toThrow(expect.objectContaining({ code: "ERR_ARTIFACT_NOT_FOUND" }));
    await push(file, reference, "--insecure");
    expect(await world.update(reference)).toMatchObject({ outcome: "started", to: "7.1.0" });
    expect(await world.service.settled("7.1.0")).toMatchObject({ isPackaged: false });
  },
);

test("petiole release push says what cannot be pushed, and where to", { timeout: 120_000 }, async ({ expect }) => {
  await using folder = await tempFolder();
  await using hub = await startNats({ jetstream: true, config: "authorization { user: op, password: secret }" });
  const key = generateKeyPairSync("ed25519").privateKey;
  const [binary, release] = [join(folder.path, "petiole"), join(folder.path, "good.release")];
  await writeFile(binary, "#!/bin/sh\n");
  const digest = sha256(await readFile(binary));
  const statement = { name: `petiole/linux-${process.arch}`, version: "7.0.0", digest, size: 10 };
  await packRelease(binary, signStatement(statement, [key]), release);
  const damaged = join(folder.path, "damaged.release");
  await writeFile(damaged, (await readFile(release)).subarray(0, -4));
  const object = "nats-object://releases/one";
  for (const [file, reference, server, code] of [
    [damaged, object, hub.url, "ERR_RELEASE_INVALID"],
    [join(folder.path, "none"), object, hub.url, "ERR_RELEASE_INVALID"],
    [release, "file:///tmp/x", hub.url, "ERR_ARTIFACT_REFERENCE"],
    [release, `oci://127.0.0.1:1/a@sha256:${"0".repeat(64)}`, hub.url, "ERR_ARTIFACT_REFERENCE"],
    [release, "oci://127.0.0.1:1/a:1", hub.url, "ERR_ARTIFACT_UNREACHABLE"],
    [release, object, "nats://127.0.0.1:1", "ERR_LATTICE_UNREACHABLE"],
    [release, object, hub.url, "ERR_LATTICE_UNREACHABLE"],
    [release, object, "hub", "ERR_CONFIG_INVALID"],
  ] as const) {
    const { stderr, code: exit } = await petiole("release", "push", file, reference, "--nats", server);
    expect([stderr, exit], `${file} ${reference} ${server}`).toEqual([
      expect.stringContaining(`petiole: ${code}: `),
      expect.any(Number),
    ]);
    expect(exit).not.toBe(0);
  }
  const known = hub.url.replace("//", "//op:secret@");
  const { stdout } = await petiole("release", "push", release, object, "--nats", known);
  expect(stdout).toContain("The hub had no such bucket");
  expect((await petiole("release", "push", release, object, "--nats", known)).stdout).not.toContain("no such bucket");
});
