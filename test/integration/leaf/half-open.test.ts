// A path that loses its route: connections stay open and carry nothing. The agent notices, keeps what is published, and
// is back by itself when the path returns, whether the connections survived or not. Defaults are shortened here; that
// they notice within 30 s is computed in src/adapters/leaf/hub-monitor.test.ts.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { probeServer } from "../../../src/adapters/leaf/find-server.ts";
import { createLeafLogins } from "../../../src/adapters/leaf/leaf-logins.ts";
import { startLeafServer } from "../../../src/adapters/leaf/leaf-server.ts";
import { millis } from "../../../src/domain/units.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { startDevice, type Device } from "../../support/device.ts";
import { serverVersions, startNats, type TestNats } from "../../support/nats.ts";
import { tempFolder } from "../../support/processes.ts";
import { storedMessages } from "../../support/stored-messages.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

type Mode = "leaf" | "direct";
const MODES: readonly Mode[] = ["leaf", "direct"];
const setups = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));

interface Rig extends AsyncDisposable {
  readonly nats: TestNats;
  readonly link: TcpProxy;
  readonly device: Device;
}

async function startRig(mode: Mode, binary: string, pingInterval: string): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  let port = 0;
  const link = stack.use(await startTcpProxy({ port: () => port }));
  const nats = stack.use(
    await startNats({ jetstream: true, domain: "hub", leafnodes: true, binary, leafPortAdvertised: link.port }),
  );
  port = mode === "leaf" ? nats.leafPort : nats.port;
  const device = stack.use(
    await startDevice({
      binary,
      hub: {
        mode,
        domain: "hub",
        urls: [`nats://127.0.0.1:${link.port}`],
        stream: { create: true },
        ping_interval: pingInterval,
      },
    }),
  );
  const kept = stack.move();
  return { nats, link, device, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function bodies(nats: TestNats): Promise<string[]> {
  await using cloud = await connect({ servers: nats.url });
  const manager = await jetstreamManager(cloud, { domain: "hub" });
  return (await storedMessages(manager)).map((message) => message.string());
}

describe.each(setups)("a half-open $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("is noticed while its connections stay open, and used again when it carries again", async ({ expect }) => {
    await using rig = await startRig(mode, binary, "60s");
    const { nats, link, device } = rig;
    await device.until("online");
    device.source.add("critical", "a", "before");
    await waitFor("the first", async () => (await bodies(nats)).length === 1);
    link.stall();
    device.source.add("critical", "a", "meanwhile");
    await device.until("degraded");
    expect(await device.reason(/did not answer within/)).toBeTypeOf("string");
    expect(link.connections()).toBeGreaterThan(0);
    link.unstall();
    await device.until("online");
    await waitFor("the second", async () => (await bodies(nats)).length >= 2);
    expect(await bodies(nats)).toEqual(["before", "meanwhile"]);
  });

  only("is given up when it stays so, and made anew when the path returns", async ({ expect }) => {
    await using rig = await startRig(mode, binary, "300ms");
    const { nats, link, device } = rig;
    await device.until("online");
    device.source.add("critical", "a", "before");
    await waitFor("the first", async () => (await bodies(nats)).length === 1);
    link.stall();
    device.source.add("critical", "a", "meanwhile");
    await device.until("offline");
    link.cut();
    link.unstall();
    link.mend();
    await device.until("online");
    await waitFor("the second", async () => (await bodies(nats)).length >= 2);
    expect(await bodies(nats)).toEqual(["before", "meanwhile"]);
  });
});

describe.each(await serverVersions())("a stuck local nats-server $name", ({ binary, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("that is alive but does not answer is replaced, and its clients are back by themselves", async ({ expect }) => {
    await using folder = await tempFolder();
    const anyPort = { host: "127.0.0.1", port: 0 };
    await using leaf = await startLeafServer({
      settings: { device: "press-7", listen: anyPort, monitor: anyPort, remote: { urls: ["nats-leaf://127.0.0.1:1"] } },
      logins: createLeafLogins(),
      binary: { path: binary, version: await probeServer(binary) },
      folder: folder.path,
      log: silentLogger,
      healthInterval: millis(200),
    });
    await using client = await connect({ servers: leaf.url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    const seen: string[] = [];
    client.subscribe("news", { callback: (_error, message) => void seen.push(message.string()) });
    await client.flush();
    const stuck = leaf.state().pid ?? 0;
    process.kill(stuck, "SIGSTOP");
    await waitFor("another server", () => leaf.state().running && leaf.state().pid !== stuck);
    expect(leaf.state().restarts).toBe(1);
    await waitFor("the client", async () => {
      client.publish("news", "again");
      await client.flush();
      return seen.includes("again");
    });
  });
});
