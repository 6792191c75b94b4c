// Every way to the hub, each with a real handshake: what must be let in is online, what must not is refused and says
// why. Both modes, where a way exists in both.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nkeys } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { createAuthority } from "../../support/certificates.ts";
import { startDevice, type DeviceOptions } from "../../support/device.ts";
import { serverVersions, startNats, type NatsOptions, type TestNats } from "../../support/nats.ts";
import { createOperator } from "../../support/operator.ts";
import { freePort } from "../../support/ports.ts";
import { tempFolder } from "../../support/processes.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

type Mode = "leaf" | "direct";
type Hub = Readonly<Record<string, unknown>>;

const MODES: readonly Mode[] = ["leaf", "direct"];
const setups = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));

/** What a block of the hub's configuration must say for this mode: of its leaf node port, or of its client port. */
function listener(mode: Mode, block: string): Pick<NatsOptions, "leafConfig" | "config"> {
  return mode === "leaf" ? { leafConfig: block } : { config: block };
}

async function startHub(binary: string, options: NatsOptions): Promise<TestNats> {
  return await startNats({ jetstream: true, domain: "hub", leafnodes: true, binary, ...options });
}

const portOf = (nats: TestNats, mode: Mode): number => (mode === "leaf" ? nats.leafPort : nats.port);

function device(mode: Mode, binary: string, hub: Hub): DeviceOptions {
  return { binary, hub: { mode, domain: "hub", ...hub } };
}

async function online(options: DeviceOptions): Promise<void> {
  await using device = await startDevice(options);
  await device.until("online");
}

describe.each(setups)("a $mode link to nats-server $name", ({ binary, mode, skip, name }) => {
  const only = skip === undefined ? test : test.skip;

  only("is made once the hub's certificate is valid by the device's clock", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    // What a clock that is behind sees, without touching a clock: nats-server is not to be deceived about it.
    const server = await authority.server("hub", new Date(Date.now() + 10_000));
    const block = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
    await using nats = await startHub(binary, listener(mode, block));
    const urls = [`tls://127.0.0.1:${portOf(nats, mode)}`];
    await using refused = await startDevice(device(mode, binary, { urls, tls: { ca_file: authority.ca } }));
    expect(await refused.reason(/not yet valid/i)).toBeTypeOf("string");
    await refused.until("online");
  });

  only("with TLS and a client certificate", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const server = await authority.server("hub");
    const { cert, key } = await authority.client("press-7");
    const block = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${authority.ca}", verify: true }`;
    await using nats = await startHub(binary, listener(mode, block));
    const urls = [`tls://127.0.0.1:${portOf(nats, mode)}`];
    await online(device(mode, binary, { urls, tls: { ca_file: authority.ca, cert_file: cert, key_file: key } }));

    // Without a certificate of its own.
    await using bare = await startDevice(device(mode, binary, { urls, tls: { ca_file: authority.ca } }));
    expect(await bare.reason(/certificate|closed: Read Error/i)).toBeTypeOf("string");
    // Without knowing who signed the hub's.
    const other = await createAuthority(folder.path, "stranger");
    const tls = { ca_file: other.ca, cert_file: cert, key_file: key };
    await using doubting = await startDevice(device(mode, binary, { urls, tls }));
    expect(await doubting.reason(/certificate/i)).toBeTypeOf("string");
    expect([bare.hub.state().link, doubting.hub.state().link]).toEqual(["offline", "offline"]);
  });

  only("with credentials of an operator's account, and what refuses them", async ({ expect }) => {
    await using folder = await tempFolder();
    const operator = createOperator();
    await using nats = await startHub(binary, { config: operator.config });
    const urls = [`nats://127.0.0.1:${portOf(nats, mode)}`];
    const file = async (title: string, content: string): Promise<string> => {
      const path = join(folder.path, `${title}.creds`);
      await writeFile(path, content, { mode: 0o600 });
      return path;
    };
    await online(
      device(mode, binary, { urls, credentials_file: await file("good", operator.credentials({ name: "press-7" })) }),
    );
    const forged = await file("forged", operator.credentials({ name: "press-7", forged: true }));
    await using stranger = await startDevice(device(mode, binary, { urls, credentials_file: forged }));
    expect(await stranger.reason(/authorization|refuses the credentials/i)).toBeTypeOf("string");
    const expired = operator.credentials({ name: "press-7", expires: Math.floor(Date.now() / 1000) - 60 });
    await using late = await startDevice(
      device(mode, binary, { urls, credentials_file: await file("expired", expired) }),
    );
    expect(await late.reason(/expired|authorization|refuses the credentials/i)).toBeTypeOf("string");
    expect([stranger.hub.state().link, late.hub.state().link]).toEqual(["offline", "offline"]);
  });

  only("with user and password in the URL", async ({ expect }) => {
    await using nats = await startHub(binary, listener(mode, 'authorization { user: "press", password: "p@ss:w/rd" }'));
    const port = portOf(nats, mode);
    await online(device(mode, binary, { urls: [`nats://press:p%40ss%3Aw%2Frd@127.0.0.1:${port}`] }));
    await using wrong = await startDevice(device(mode, binary, { urls: [`nats://press:no@127.0.0.1:${port}`] }));
    expect(await wrong.reason(/authorization|refuses the credentials/i)).not.toContain("no@");
  });

  only("as a user who may do what the outbox needs, and nothing else", async ({ expect }) => {
    // A hub turns the name of its own domain into the short form before it looks at what a client may do.
    const api = mode === "leaf" ? "$JS.hub.API.>" : "$JS.API.>";
    const allow = `publish: { allow: ["${api}", "petiole.press-7.>"] }, subscribe: { allow: ["_INBOX.>"] }`;
    const config = `accounts { A { jetstream: enabled, users: [ { user: u, password: p, permissions: { ${allow} } } ] } }`;
    await using nats = await startHub(binary, { config });
    const urls = [`nats://u:p@127.0.0.1:${portOf(nats, mode)}`];
    await using link = await startDevice(device(mode, binary, { urls, stream: { create: true } }));
    await link.until("online");
    const seq = link.source.add("critical", "readings.a");
    await waitFor("the acknowledgement", () => link.source.acknowledgedNow("critical") === seq);
    expect(link.hub.state().reason).toBeUndefined();
  });

  only("over a websocket", async () => {
    const port = await freePort();
    const config = `websocket { listen: "127.0.0.1:${port}", no_tls: true }`;
    await using _nats = await startHub(binary, { config });
    await online(device(mode, binary, { urls: [`ws://127.0.0.1:${port}`] }));
  });

  only("goes on over another URL when a hub dies", async () => {
    const config = 'server_name: "a"';
    await using first = await startHub(binary, { config });
    await using second = await startHub(binary, { config: 'server_name: "b"' });
    // Through proxies, so that which of the two is used can be seen.
    await using ways = await startWays([portOf(first, mode), portOf(second, mode)]);
    await using link = await startDevice(
      device(mode, binary, { urls: ways.all.map(({ port }) => `nats://127.0.0.1:${port}`) }),
    );
    await link.until("online");
    for (const way of [...ways.all, ...ways.all]) {
      way.cut();
      await link.until("online");
      way.mend();
    }
  });

  if (mode === "leaf") {
    only("over a websocket with TLS", async () => {
      await using folder = await tempFolder();
      const authority = await createAuthority(folder.path);
      const { cert, key } = await authority.server("hub");
      const port = await freePort();
      const config = `websocket { listen: "127.0.0.1:${port}", tls { cert_file: "${cert}", key_file: "${key}" } }`;
      await using _nats = await startHub(binary, { config });
      await online(device(mode, binary, { urls: [`wss://127.0.0.1:${port}`], tls: { ca_file: authority.ca } }));
    });
  }

  only("with an nkey", async ({ expect }) => {
    await using folder = await tempFolder();
    const pair = nkeys.createUser();
    const seed = join(folder.path, "press-7.nk");
    await writeFile(seed, `${new TextDecoder().decode(pair.getSeed())}\n`, { mode: 0o600 });
    // A hub from 2.11 on, so that only the device's own server may be too old.
    const hub = (await serverVersions())[0]?.binary ?? binary;
    const block =
      mode === "leaf"
        ? `authorization { nkey: ${pair.getPublicKey()} }`
        : `authorization { users: [ { nkey: ${pair.getPublicKey()} } ] }`;
    await using nats = await startHub(hub, listener(mode, block));
    const options = device(mode, binary, { urls: [`nats://127.0.0.1:${portOf(nats, mode)}`], nkey_file: seed });
    if (mode === "leaf" && name === "floor") {
      await using old = await startDevice(options);
      expect(await old.reason(/nkey for the hub: found nats-server 2\.9\.10, want 2\.11\.0 or later/)).toBeTypeOf(
        "string",
      );
      return;
    }
    await online(options);
  });

  only("with TLS before the hub's greeting", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const { cert, key } = await authority.server("hub");
    const hub = (await serverVersions())[0]?.binary ?? binary;
    const block = `tls { cert_file: "${cert}", key_file: "${key}", handshake_first: true }`;
    await using nats = await startHub(hub, listener(mode, block));
    const tls = { ca_file: authority.ca, handshake_first: true };
    const options = device(mode, binary, { urls: [`tls://127.0.0.1:${portOf(nats, mode)}`], tls });
    if (mode === "leaf" && name === "floor") {
      await using old = await startDevice(options);
      expect(await old.reason(/TLS before the greeting: found nats-server 2\.9\.10, want 2\.10\.0/)).toBeTypeOf(
        "string",
      );
      return;
    }
    await online(options);
  });
});

interface Ways extends AsyncDisposable {
  readonly all: readonly Awaited<ReturnType<typeof startTcpProxy>>[];
}

async function startWays(ports: readonly number[]): Promise<Ways> {
  const all = await Promise.all(ports.map(async (port) => await startTcpProxy({ port })));
  return {
    all,
    [Symbol.asyncDispose]: async () => {
      for (const way of all) await way[Symbol.asyncDispose]();
    },
  };
}
