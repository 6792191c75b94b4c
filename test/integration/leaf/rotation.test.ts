// Credentials that are renewed on disk are taken up without losing or repeating a message, and without a restart of
// the agent; on a current server local clients do not even notice.

import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, credsAuthenticator, nkeys, type NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { isAtLeast, parseServerVersion } from "../../../src/adapters/leaf/server-version.ts";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import { createAuthority, type Certificate } from "../../support/certificates.ts";
import { startDevice, type Device } from "../../support/device.ts";
import { serverVersions, startNats, type TestNats } from "../../support/nats.ts";
import { createOperator } from "../../support/operator.ts";
import { tempFolder } from "../../support/processes.ts";
import { storedMessages } from "../../support/stored-messages.ts";
import { waitFor } from "../../support/wait-for.ts";

type Mode = "leaf" | "direct";
const MODES: readonly Mode[] = ["leaf", "direct"];
const setups = (await serverVersions()).flatMap((server) => MODES.map((mode) => ({ ...server, mode })));

/** Which connection the hub has from the device: another after each reconnect, and none in between. */
async function connectionIds(nats: TestNats, mode: Mode): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${nats.monitorPort}/${mode === "leaf" ? "leafz" : "connz"}`);
  const { connections = [], leafs = [] } = (await answer.json()) as {
    connections?: { cid: number; name?: string }[];
    leafs?: { port: number }[];
  };
  if (mode === "leaf") return leafs.map(({ port }) => port).join();
  return connections
    .filter(({ name }) => name?.startsWith("petiole "))
    .map(({ cid }) => cid)
    .join();
}

async function bodies(cloud: NatsConnection): Promise<string[]> {
  const manager = await jetstreamManager(cloud, { domain: "hub" });
  return (await storedMessages(manager)).map((message) => message.string());
}

/** Publishes on until told to stop. */
function startPublishing(device: Device): { stop(): string[] } {
  const sent: string[] = [];
  const timer = setInterval(() => {
    sent.push(`message ${sent.length}`);
    device.source.add("critical", "readings.a", sent.at(-1));
  }, 2);
  return {
    stop: () => {
      clearInterval(timer);
      return sent;
    },
  };
}

describe.each(setups)("a $mode link to nats-server $name", ({ binary, mode, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("takes up renewed credentials, and every message arrives once", async ({ expect }) => {
    await using folder = await tempFolder();
    const operator = createOperator();
    const file = join(folder.path, "device.creds");
    await writeFile(file, operator.credentials({ name: "before" }), { mode: 0o600 });
    await using nats = await startNats({
      jetstream: true,
      domain: "hub",
      leafnodes: true,
      binary,
      config: operator.config,
    });
    await using device = await startDevice({
      binary,
      hub: {
        mode,
        domain: "hub",
        urls: [`nats://127.0.0.1:${mode === "leaf" ? nats.leafPort : nats.port}`],
        credentials_file: file,
        stream: { create: true },
      },
    });
    await device.until("online");
    let localLost = 0;
    await using local =
      mode === "leaf" ? await connect({ servers: device.localUrl, reconnectTimeWait: 50 }) : undefined;
    if (local !== undefined) {
      void (async () => {
        for await (const { type } of local.status()) if (type === "disconnect") localLost += 1;
      })();
    }
    const before = await waitFor("its connection", async () => await connectionIds(nats, mode));
    const server = mode === "leaf" ? await device.serverPid() : 0;
    const publishing = startPublishing(device);

    await writeFile(file, operator.credentials({ name: "after" }), { mode: 0o600 });
    await waitFor("another connection", async () => {
      const now = await connectionIds(nats, mode);
      return now !== "" && now !== before;
    });
    await device.until("online");
    const sent = publishing.stop();
    expect(sent.length).toBeGreaterThan(10);
    const reader = new TextEncoder().encode(operator.credentials({ name: "reader" }));
    await using cloud = await connect({ servers: nats.url, authenticator: credsAuthenticator(reader) });
    await waitFor("everything at the hub", async () => (await bodies(cloud)).length >= sent.length);
    expect(await bodies(cloud)).toEqual(sent);
    if (mode === "leaf" && isAtLeast(await versionOf(device), { major: 2, minor: 14, patch: 0 })) {
      expect(await device.serverPid()).toBe(server);
      expect(localLost).toBe(0);
    }
  });

  only("says that the credentials expired, and recovers when they are renewed", async ({ expect }) => {
    await using folder = await tempFolder();
    const operator = createOperator();
    const file = join(folder.path, "device.creds");
    // The hub ends the connection at that second.
    const expires = Math.floor(Date.now() / 1000) + 4;
    await writeFile(file, operator.credentials({ name: "short", expires }), { mode: 0o600 });
    await using nats = await startNats({
      jetstream: true,
      domain: "hub",
      leafnodes: true,
      binary,
      config: operator.config,
    });
    await using device = await startDevice({
      binary,
      hub: {
        mode,
        domain: "hub",
        urls: [`nats://127.0.0.1:${mode === "leaf" ? nats.leafPort : nats.port}`],
        credentials_file: file,
      },
    });
    await device.until("online");
    await device.until("offline");
    expect(await device.reason(/expired|authorization|authentication|refuses the credentials/i)).toBeTypeOf("string");
    await writeFile(file, operator.credentials({ name: "renewed" }), { mode: 0o600 });
    await device.until("online");
  });

  only(
    "takes up a renewed client certificate, and leaves a link that works alone for a broken one",
    async ({ expect }) => {
      await using folder = await tempFolder();
      const authority = await createAuthority(folder.path);
      const server = await authority.server("hub");
      const [first, second] = [await authority.client("press-7"), await authority.client("press-7-renewed")];
      const [cert, key] = [join(folder.path, "client.pem"), join(folder.path, "client.key")];
      const renew = async (files: Certificate): Promise<void> => {
        await copyFile(files.cert, cert);
        await copyFile(files.key, key);
      };
      const stranger = await createAuthority(folder.path, "stranger");
      await renew(await stranger.client("nobody"));
      const tls = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${authority.ca}", verify: true }`;
      await using nats = await startNats({
        jetstream: true,
        domain: "hub",
        leafnodes: true,
        binary,
        ...(mode === "leaf" ? { leafConfig: tls } : { config: tls }),
      });
      const warnings: string[] = [];
      const log: Logger = {
        ...silentLogger,
        warn: (_message, fields) => void warnings.push(String(fields?.["reason"])),
        child: () => log,
      };
      await using device = await startDevice({
        binary,
        log,
        hub: {
          mode,
          domain: "hub",
          urls: [`tls://127.0.0.1:${mode === "leaf" ? nats.leafPort : nats.port}`],
          tls: { ca_file: authority.ca, cert_file: cert, key_file: key },
        },
      });
      // A server that closes at once may reset the connection before its alert is read.
      expect(await device.reason(/certificate|unknown ca|closed: Read Error|ECONNRESET|EPIPE/i)).toBeTypeOf("string");
      await renew(first);
      await device.until("online");
      const before = await connectionIds(nats, mode);
      await writeFile(cert, "no certificate");
      await waitFor("the complaint", () => warnings.some((reason) => /PEM|no start line|certificate/i.test(reason)));
      expect(await connectionIds(nats, mode)).toBe(before);
      await renew(second);
      await waitFor("another connection", async () => {
        const now = await connectionIds(nats, mode);
        return now !== "" && now !== before;
      });
      await device.until("online");
    },
  );
});

test("an nkey file is taken up when it changes", async ({ expect }) => {
  await using folder = await tempFolder();
  const [first, second] = [nkeys.createUser(), nkeys.createUser()];
  const seed = (pair: typeof first): string => new TextDecoder().decode(pair.getSeed());
  const file = join(folder.path, "device.nk");
  await writeFile(file, seed(first), { mode: 0o600 });
  await using nats = await startNats({
    jetstream: true,
    domain: "hub",
    leafnodes: true,
    leafConfig: `authorization { nkey: ${second.getPublicKey()} }`,
  });
  await using device = await startDevice({ hub: { domain: "hub", urls: [nats.leafUrl], nkey_file: file } });
  expect(await device.reason(/authorization/i)).not.toContain("SU");
  await writeFile(file, seed(second), { mode: 0o600 });
  await device.until("online");
});

async function versionOf(device: Device): Promise<{ major: number; minor: number; patch: number }> {
  const varz = (await (await fetch(`${device.monitorUrl}/varz`)).json()) as { version: string };
  return parseServerVersion(varz.version) ?? { major: 0, minor: 0, patch: 0 };
}
