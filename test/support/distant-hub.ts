// A hub behind a link that can be cut, with documents that say what a device should run, and what a device needs to be its leaf.

import { Kvm, type KV } from "@nats-io/kv";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { startNats, type TestNats } from "./nats.ts";
import { freePort } from "./ports.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

export interface DistantHub extends AsyncDisposable {
  readonly hub: TestNats;
  readonly link: TcpProxy;
  /** Not through the link. */
  readonly cloud: NatsConnection;
  /** The documents, by device. */
  readonly bucket: KV;
  /** Of a device's configuration. */
  readonly keys: { readonly hub: object; readonly leaf: { readonly listen: string; readonly monitor: string } };
}

export async function startDistantHub({ reachable }: { readonly reachable: boolean }): Promise<DistantHub> {
  await using stack = new AsyncDisposableStack();
  let hubPort = 0;
  const link = stack.use(await startTcpProxy({ port: () => hubPort }));
  if (!reachable) link.cut();
  const hub = stack.use(
    await startNats({ jetstream: true, domain: "hub", leafnodes: true, leafPortAdvertised: link.port }),
  );
  hubPort = hub.leafPort;
  const cloud = await connect({ servers: hub.url });
  stack.defer(() => cloud.close());
  const bucket = await new Kvm(cloud).create("petiole-desired");
  const keys = {
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
  };
  const owned = stack.move();
  return { hub, link, cloud, bucket, keys, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
