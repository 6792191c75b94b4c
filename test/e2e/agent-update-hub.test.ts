// Contract: a device gets a new version of its agent over the lattice: what the hub wants of it, from the hub's object store or
// a registry, over a link that is cut in the middle; and the hub hears what became of it.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import { connect } from "@nats-io/transport-node";
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { test } from "vitest";
import { stringify } from "yaml";
import { VERSION } from "../../src/domain/version.ts";
import { sha256 } from "../support/artifacts.ts";
import { startNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { startRegistry, testRegistryBinary } from "../support/registry.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { openUpdateWorld } from "../support/update-world.ts";
import { waitFor } from "../support/wait-for.ts";

/** Starts of an agent from its sources. */
const PATIENCE = 120_000;
const RELEASE_TYPE = "application/octet-stream";
const registry = await testRegistryBinary();

/** As a registry's clients do: the release is the only layer of an image. */
async function pushRelease(host: string, name: string, tag: string, file: string): Promise<void> {
  const api = `http://${host}/v2/${name}`;
  const bytes = await readFile(file);
  const send = async (
    method: string,
    url: string,
    body: string | Uint8Array<ArrayBuffer>,
    type = RELEASE_TYPE,
  ): Promise<Response> => {
    const response = await fetch(url, { method, body, headers: { "content-type": type } });
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
    return response;
  };
  const upload = async (blob: Uint8Array<ArrayBuffer>): Promise<{ digest: string; size: number }> => {
    const begun = await send("POST", `${api}/blobs/uploads/`, "");
    const place = new URL(begun.headers.get("location") ?? "", api);
    place.searchParams.set("digest", sha256(blob));
    await send("PUT", place.href, blob);
    return { digest: sha256(blob), size: blob.length };
  };
  const config = { mediaType: "application/vnd.oci.empty.v1+json", ...(await upload(new TextEncoder().encode("{}"))) };
  const layers = [{ mediaType: RELEASE_TYPE, ...(await upload(new Uint8Array(bytes))) }];
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  await send(
    "PUT",
    `${api}/manifests/${tag}`,
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers }),
    mediaType,
  );
}

test(
  "a device follows the hub to a new version, over a link that breaks off",
  { timeout: 400_000 },
  async ({ expect }) => {
    await using stack = new AsyncDisposableStack();
    let hubPort = 0;
    const link = stack.use(await startTcpProxy({ port: () => hubPort }));
    const leafnodes = { leafnodes: true, leafPortAdvertised: link.port };
    const hub = stack.use(await startNats({ jetstream: true, domain: "hub", ...leafnodes }));
    hubPort = hub.leafPort;
    const cloud = await connect({ servers: hub.url });
    stack.defer(() => cloud.close());
    const manager = await jetstreamManager(cloud);
    const wanted = await new Kvm(cloud).create("petiole-desired");
    const releases = await new Objm(manager.jetstream()).create("releases");
    const want = (version: string, release: string) => wanted.put("gw-1", stringify({ agent: { version, release } }));

    const images = registry === undefined ? undefined : stack.use(await startRegistry({ binary: registry }));
    link.cut();
    const world = stack.use(
      await openUpdateWorld({
        hub: {
          urls: [`nats-leaf://127.0.0.1:${link.port}`],
          domain: "hub",
          stream: { create: true },
          desired_state: true,
          poll_interval: "200ms",
          echo_interval: "1s",
          echo_timeout: "1s",
        },
        leaf: { listen: `127.0.0.1:${await freePort()}`, monitor: `127.0.0.1:${await freePort()}` },
        ...(images !== undefined && { artifacts: { registries: { [images.host]: { insecure: true } } } }),
      }),
    );

    // Wanted while the device is away.
    const file = await world.release("7.0.0", [], 3_000_000);
    const { size } = await stat(file);
    await releases.put(
      { name: "petiole.release" },
      Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>,
    );
    await want("7.0.0", "nats-object://releases/petiole.release");
    expect(await world.service.versions()).toMatchObject({ running: VERSION, installed: [] });

    let arrived = 0;
    let cuts = 0;
    link.throttle(1_000_000);
    link.onDownload((bytes) => {
      arrived += bytes;
      if (cuts > 0 || arrived < size / 2) return;
      cuts += 1;
      link.cut();
      setTimeout(link.mend, 1000);
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

    if (images === undefined) return;
    await pushRelease(images.host, "petiole", "7.1.0", await world.release("7.1.0"));
    await want("7.1.0", `oci://${images.host}/petiole:7.1.0`);
    await waitFor("the next version", async () => (await world.service.versions()).running === "7.1.0", PATIENCE);
    await world.service.settled("7.1.0");
    // One whose signature is right and which is older is refused, and the hub hears of that, too.
    await pushRelease(images.host, "petiole", "7.0.9", await world.release("7.0.9"));
    await want("7.0.9", `oci://${images.host}/petiole:7.0.9`);
    await waitFor("the refusal", async () => (await told()).length === 3, PATIENCE);
    expect((await told()).map(({ type }) => type.split(".").at(-1))).toEqual(["accepted", "accepted", "refused"]);
    expect(await world.service.versions()).toMatchObject({ running: "7.1.0", previous: "7.0.0" });
  },
);
