// Contract: a device gets a new version of its agent over the lattice: what the hub wants of it, from the hub's object store or
// a registry, over a link that is cut in the middle; and the hub hears what became of it.

import { jetstreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { stat } from "node:fs/promises";
import { test } from "vitest";
import { stringify } from "yaml";
import { VERSION } from "../../src/domain/version.ts";
import { petiole } from "../support/agent.ts";
import { startNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { startRegistry, testRegistryBinary } from "../support/registry.ts";
import { storedMessages } from "../support/stored-messages.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
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
    let hubPort = 0;
    const link = stack.use(await startTcpProxy({ port: () => hubPort }));
    const leafnodes = { leafnodes: true, leafPortAdvertised: link.port };
    const hub = stack.use(await startNats({ jetstream: true, domain: "hub", ...leafnodes }));
    hubPort = hub.leafPort;
    const cloud = await connect({ servers: hub.url });
    stack.defer(() => cloud.close());
    const manager = await jetstreamManager(cloud);
    const wanted = await new Kvm(cloud).create("petiole-desired");
    const want = async (document: object) => void (await wanted.put("gw-1", stringify(document)));

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

    if (images === undefined) return;
    const toRegistry = async (version: string): Promise<object> =>
      push(await world.release(version), `oci://${images.host}/petiole:${version}`, "--insecure");
    await want(await toRegistry("7.1.0"));
    await waitFor("the next version", async () => (await world.service.versions()).running === "7.1.0", PATIENCE);
    await world.service.settled("7.1.0");
    // One whose signature is right and which is older is refused, and the hub hears of that, too.
    await want(await toRegistry("7.0.9"));
    await waitFor("the refusal", async () => (await told()).length === 3, PATIENCE);
    expect((await told()).map(({ type }) => type.split(".").at(-1))).toEqual(["accepted", "accepted", "refused"]);
    expect(await world.service.versions()).toMatchObject({ running: "7.1.0", previous: "7.0.0" });
  },
);
