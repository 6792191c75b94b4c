// The cloud's end: a nats-server with JetStream that leaf nodes reach over a link which can be cut.

import { startNats, type TestNats } from "../../test/support/nats.ts";
import { freePort } from "../../test/support/ports.ts";
import { startTcpProxy } from "../../test/support/tcp-proxy.ts";
import { obtainNatsServer } from "../obtain-nats-server.ts";
import type { Stage } from "./perform.ts";
import { untilAborted } from "./wait.ts";

export const HUB_DOMAIN = "hub";
/** What devices send is stored in this stream, which the first of them makes. */
export const HUB_STREAM = "PETIOLE";

export interface Hub {
  /** For clients in the cloud. */
  readonly url: string;
  /** For leaf nodes: over the link. */
  readonly leafUrl: string;
  readonly link: { cut(): void; mend(): void };
  /** The nats-server that leaf nodes may run, too. */
  readonly natsServer: string;
}

/** Obtains a nats-server where there is none, and starts it as the hub. */
export async function startHub({ screen, signal, own }: Stage): Promise<Hub> {
  const { path } = await screen.task(
    "nats-server",
    // Building one may take a minute: Ctrl-C does not wait for it.
    () => untilAborted(obtainNatsServer({ env: process.env, progress: (line) => screen.note(line) }), signal),
    ({ path }) => path,
  );
  const leafPort = await freePort();
  const link = own(await startTcpProxy({ port: leafPort }));
  const { url } = await screen.task(
    "Hub",
    async () => own(await startServer(path, leafPort, link.port)),
    ({ version, url }) => `version ${version} with JetStream, at ${url}`,
  );
  return { url, leafUrl: `nats-leaf://127.0.0.1:${link.port}`, link, natsServer: path };
}

/** The hub tells leaf nodes where to find it. It is made to name the proxy: they would go around it otherwise. */
async function startServer(binary: string, leafPort: number, proxyPort: number): Promise<TestNats> {
  const config = `leafnodes { listen: "127.0.0.1:${leafPort}", advertise: "127.0.0.1:${proxyPort}" }`;
  return await startNats({ jetstream: true, domain: HUB_DOMAIN, config, binary });
}
