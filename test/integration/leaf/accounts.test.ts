// Local clients and the uplink are apart: nothing that a local process publishes reaches the hub, nothing of the hub
// reaches it, and neither JetStream nor the server's own services answer it, unless a grant says so. The agent alone
// is in the account that is connected to the hub.

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect, nkeyAuthenticator, nkeys, type NatsConnection } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import type { BusMessage } from "../../../src/provider/services.ts";
import { startDevice } from "../../support/device.ts";
import { serverVersions, startNats } from "../../support/nats.ts";
import { tempFolder } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";

/** Subjects seen by a subscription to everything. */
async function listen(client: NatsConnection): Promise<string[]> {
  const seen: string[] = [];
  client.subscribe(">", { callback: (_error, { subject }) => void seen.push(subject) });
  await client.flush();
  return seen;
}

/** Publishes until the subject was seen. */
async function untilHeard(client: NatsConnection, subject: string, seen: readonly string[]): Promise<void> {
  await waitFor(`the way of ${subject}`, () => {
    if (seen.includes(subject)) return true;
    client.publish(subject, "");
    return false;
  });
}

const hubOptions = { jetstream: true, domain: "hub", leafnodes: true } as const;

describe.each(await serverVersions())("the local nats-server $name", ({ binary, skip }) => {
  const only = skip === undefined ? test : test.skip;

  only("keeps local clients and the hub apart, but for what is granted", async ({ expect }) => {
    await using nats = await startNats({ ...hubOptions, binary });
    await using device = await startDevice({
      binary,
      hub: { urls: [nats.leafUrl], domain: "hub" },
      local: { grants: { publish: ["telemetry.>"], subscribe: ["commands.*"] } },
    });
    await device.until("online");
    await using local = await connect({ servers: device.localUrl });
    await using cloud = await connect({ servers: nats.url });
    const [atLocal, atCloud] = [await listen(local), await listen(cloud)];
    // A server hears of the other's subscriptions some time after they were made.
    await untilHeard(local, "telemetry.ready", atCloud);
    await untilHeard(cloud, "commands.ready", atLocal);

    local.publish("secrets.a", "");
    local.publish("petiole.press-7.critical.forged", "");
    local.publish("telemetry.a.b", "");
    await waitFor("what is granted upwards", () => atCloud.includes("telemetry.a.b"));
    cloud.publish("secrets.b", "");
    cloud.publish("commands.a.b", "");
    cloud.publish("commands.a", "");
    await waitFor("what is granted downwards", () => atLocal.includes("commands.a"));
    const mine = (subjects: readonly string[]): string[] => subjects.filter((one) => !/^[$_]|\.ready$/.test(one));
    expect(mine(atLocal)).toEqual(["secrets.a", "petiole.press-7.critical.forged", "telemetry.a.b", "commands.a"]);
    // The hub's clients see what they publish themselves.
    expect(mine(atCloud)).toEqual(["telemetry.a.b", "secrets.b", "commands.a.b", "commands.a"]);
  });

  only("gives components one bus among local clients and one at the hub", async ({ expect }) => {
    await using nats = await startNats({ ...hubOptions, binary });
    await using device = await startDevice({ binary, hub: { urls: [nats.leafUrl], domain: "hub" } });
    await device.until("online");
    const seen: string[] = [];
    const note = (side: string) => async (message: BusMessage) => {
      seen.push(`${side} ${Buffer.from(message.body).toString()}`);
      if (message.replyTo !== undefined && side === "hub") {
        device.hub.hubBus.publish({ subject: message.replyTo, body: message.body, replyTo: undefined });
      }
    };
    await using _local = device.hub.bus.subscribe("commands.a", undefined, note("local"));
    await using _hub = device.hub.hubBus.subscribe("commands.a", undefined, note("hub"));
    await using local = await connect({ servers: device.localUrl });
    await using cloud = await connect({ servers: nats.url });
    const answer = await waitFor("an answer over the link", () => cloud.request("commands.a", "up", { timeout: 500 }));
    expect(answer.string()).toBe("up");
    // The device's two connections come up one after the other.
    await waitFor("the local message", () => {
      local.publish("commands.a", "down");
      return seen.includes("local down");
    });
    expect(new Set(seen)).toEqual(new Set(["hub up", "local down"]));
  });

  only("answers local clients neither for JetStream nor for itself", async ({ expect }) => {
    await using nats = await startNats({ ...hubOptions, binary });
    await using device = await startDevice({ binary, hub: { urls: [nats.leafUrl], domain: "hub" } });
    await device.until("online");
    await using local = await connect({ servers: device.localUrl });
    for (const subject of ["$JS.hub.API.INFO", "$JS.API.INFO", "$SYS.REQ.USER.INFO", "$SYS.REQ.SERVER.PING"]) {
      await expect(local.request(subject, "", { timeout: 1000 }), subject).rejects.toThrow(/Permissions Violation/);
    }
    // What a local client is refused does not stand for what keeps the server from the hub.
    await nats.kill();
    expect(await device.reason(/no connection to the hub/)).not.toContain("Violation");
  });

  only("has no log-in into the uplink in its files, and lets no guess in", async ({ expect }) => {
    await using device = await startDevice({ binary, hub: { urls: ["nats-leaf://127.0.0.1:1"], domain: "hub" } });
    const file = join(device.folder, "state", "leaf", "nats-server.conf");
    const config = await waitFor("its configuration", async () => await readFile(file, "utf8"));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(config).not.toMatch(/"SU[A-Z2-7]{56}"/);
    const uplink = /UPLINK \{[^}]*nkey: "(U\w+)"/.exec(config)?.[1] ?? "";
    expect(uplink).toHaveLength(56);
    await waitFor("the server", async () => (await fetch(`${device.monitorUrl}/varz`)).ok);
    const stranger = new TextDecoder().decode(nkeys.createUser().getSeed());
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(stranger));
    const forged = (nonce?: string): { nkey: string; sig: string } => {
      const signed = authenticator(nonce);
      return { nkey: uplink, sig: typeof signed === "object" && "sig" in signed ? (signed.sig ?? "") : "" };
    };
    for (const login of [{ user: "UPLINK", pass: "x" }, { token: uplink }, { authenticator: forged }]) {
      const attempt = connect({ servers: device.localUrl, ...login, maxReconnectAttempts: 0 });
      await expect(attempt).rejects.toThrow(/Authorization/i);
    }
  });

  only("lets in local users with their password or nkey only, and takes up a renewed password", async ({ expect }) => {
    await using folder = await tempFolder();
    const passwordFile = join(folder.path, "plc");
    await writeFile(passwordFile, "first\n");
    const pair = nkeys.createUser();
    await using device = await startDevice({
      binary,
      hub: { urls: ["nats-leaf://127.0.0.1:1"], domain: "hub" },
      local: { users: [{ name: "plc", password_file: passwordFile }, { nkey: pair.getPublicKey() }] },
    });
    const login = async (options: object): Promise<string> => {
      // A server that ends in the middle of a log-in leaves the client waiting for its own limit.
      await using client = await connect({ servers: device.localUrl, reconnect: false, timeout: 2000, ...options });
      return client.isClosed() ? "closed" : "in";
    };
    const password = { user: "plc", pass: "first" };
    await waitFor("the server", async () => await login(password));
    expect(await login({ authenticator: nkeyAuthenticator(pair.getSeed()) })).toBe("in");
    await expect(login({})).rejects.toThrow(/Authorization/i);
    await expect(login({ user: "plc", pass: "wrong" })).rejects.toThrow(/Authorization/i);

    await writeFile(passwordFile, "second\n");
    await waitFor("the new password", async () => await login({ user: "plc", pass: "second" }));
    await expect(login(password)).rejects.toThrow(/Authorization/i);
  });
});
