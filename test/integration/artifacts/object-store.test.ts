// Components in an object store of the hub, for devices that reach nothing but NATS: put by another client, found, read
// from any place on, over a link that is cut.

import { jetstreamManager } from "@nats-io/jetstream";
import { Objm, type ObjectStore } from "@nats-io/obj";
import { connect } from "@nats-io/transport-node";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createObjectReader } from "../../../src/adapters/lattice/object-reader.ts";
import type { ObjectReader } from "../../../src/host/ports.ts";
import { artifactRig, sha256, wasmLike } from "../../support/artifacts.ts";
import { startHubRig, type HubRig, type LinkMode } from "../../support/hub-rig.ts";
import { serverVersions } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const soon = (): AbortSignal => AbortSignal.timeout(60_000);
const APP = wasmLike(1_000_000, "object");
const MODES: readonly LinkMode[] = ["direct", "leaf"];

const subjects = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));

describe.for(subjects)("an object store of the hub ($name, $mode)", ({ binary, mode, skip }) => {
  let rig: HubRig;
  let store: ObjectStore;
  let reader: ObjectReader;
  let close: () => Promise<void> = async () => {};

  beforeAll(async () => {
    if (skip !== undefined) return;
    rig = await startHubRig({ binary, mode });
    const client = await connect({ servers: rig.hub.url });
    close = () => client.close();
    const manager = await jetstreamManager(client, {
      checkAPI: false,
      ...(rig.domain === undefined ? {} : { domain: rig.domain }),
    });
    store = await new Objm(manager.jetstream()).create("components");
    reader = createObjectReader({ connection: rig.connection, domain: rig.domain });
    await waitFor("the connection", () => rig.connection.current() !== undefined);
    await store.putBlob({ name: "team/app 1.wasm", metadata: { version: "1" } }, APP);
    await waitFor("the hub behind the link", () => reader.find("components", "team/app 1.wasm", soon()));
  });
  afterAll(async () => {
    if (skip !== undefined) return;
    await close();
    await rig[Symbol.asyncDispose]();
  });

  test.skipIf(skip !== undefined)("gives an object's bytes, and what is said about it", async ({ expect }) => {
    const seen: unknown[] = [];
    await using cache = await artifactRig({ objects: reader, verify: async (facts) => void seen.push(facts) });
    const reference = "nats-object://components/team/app 1.wasm";
    const artifact = await cache.store.fetch({ reference }, soon());
    expect(artifact).toMatchObject({ digest: sha256(APP), content: sha256(APP), size: APP.byteLength });
    expect(await readFile(artifact.file)).toEqual(APP);
    expect(seen).toMatchObject([{ annotations: { version: "1" } }]);
    // Whoever is away uses what there is.
    expect(await cache.store.recall({ reference }, soon())).toEqual(artifact);
  });

  test.skipIf(skip !== undefined)("reads from any place on", async ({ expect }) => {
    const object = await reader.find("components", "team/app 1.wasm", soon());
    for (const offset of [0, 1, 128 * 1024 - 1, 128 * 1024, 700_001, APP.byteLength - 1]) {
      const { start, chunks } = await reader.read("components", object, offset, soon());
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      expect(start).toBe(offset);
      expect(Buffer.concat(parts).equals(APP.subarray(offset))).toBe(true);
    }
  });

  test.skipIf(skip !== undefined)("goes on with what an earlier try left", async ({ expect }) => {
    await using cache = await artifactRig({ objects: reader });
    const reference = "nats-object://components/team/app 1.wasm";
    await expect(
      cache.store.fetch({ reference, component: "app" }, soon(), ({ bytes }) => {
        if (bytes > 600_000) rig.link.cut();
      }),
    ).rejects.toMatchObject({ code: "ERR_ARTIFACT_UNREACHABLE" });
    expect((await cache.store.list()).parts[0]?.size).toBeGreaterThan(600_000);
    let passed = 0;
    rig.link.onDownload((bytes) => (passed += bytes));
    rig.link.mend();
    const artifact = await waitFor("the rest", () => cache.store.fetch({ reference, component: "app" }, soon()));
    expect(artifact.content).toBe(sha256(APP));
    expect(passed).toBeLessThan(APP.byteLength * 0.6);
  });

  test.skipIf(skip !== undefined)("tells that an object was put again, and begins anew", async ({ expect }) => {
    const reference = "nats-object://components/again.wasm";
    const [first, second] = [wasmLike(300_000, "first"), wasmLike(300_000, "second")];
    await store.putBlob({ name: "again.wasm" }, first);
    await using cache = await artifactRig({ objects: reader });
    expect((await cache.store.fetch({ reference }, soon())).content).toBe(sha256(first));
    await store.putBlob({ name: "again.wasm" }, second);
    // Of another object with the name; it must not be gone on with.
    await writeFile(join(cache.folder, "parts", `${sha256(second).slice(7)}.part`), first.subarray(0, 200_000));
    expect((await cache.store.fetch({ reference }, soon())).content).toBe(sha256(second));
  });

  test.skipIf(skip !== undefined)("says what is not there", async ({ expect }) => {
    await store.putBlob({ name: "gone.wasm" }, APP.subarray(0, 100));
    await store.delete("gone.wasm");
    for (const name of ["components/none.wasm", "components/gone.wasm", "nowhere/app.wasm"]) {
      await using cache = await artifactRig({ objects: reader });
      await expect(cache.store.fetch({ reference: `nats-object://${name}` }, soon())).rejects.toMatchObject({
        code: "ERR_ARTIFACT_NOT_FOUND",
      });
    }
  });
});
