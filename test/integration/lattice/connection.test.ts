// The connection and the bus: they never hold up a start, come back by themselves, and refuse what they cannot do.

import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import {
  connectNats,
  type ConnectNatsOptions,
  type LatticeConnection,
} from "../../../src/adapters/lattice/connection.ts";
import { createMessageBus } from "../../../src/adapters/lattice/message-bus.ts";
import { bytes, millis, minutes, seconds } from "../../../src/domain/units.ts";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import { startNats } from "../../support/nats.ts";
import { freePort } from "../../support/ports.ts";
import { tempFolder } from "../../support/processes.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const raw = (data: string): Uint8Array => new TextEncoder().encode(data);

function open(url: string, options: Partial<ConnectNatsOptions> = {}): LatticeConnection {
  return connectNats({
    servers: [url],
    name: "test",
    log: silentLogger,
    backoff: { initial: millis(20), max: millis(100) },
    connectTimeout: seconds(1),
    ...options,
  });
}

async function connected(connection: LatticeConnection): Promise<void> {
  await waitFor("the connection", () => connection.state().connected);
}

describe("connectNats()", () => {
  test("returns at once, says why there is no connection, and connects when the server appears", async ({ expect }) => {
    const port = await freePort();
    const logged: unknown[] = [];
    const log: Logger = { ...silentLogger, warn: (message, fields) => void logged.push([message, fields]) };
    await using connection = open(`nats://device:hunter22@127.0.0.1:${port}`, { log });
    expect(connection.current()).toBeUndefined();
    await waitFor("the reason", () => /refused/i.test(connection.state().reason ?? ""));
    // Neither who we are nor what lets us in.
    const reason = connection.state().reason;
    expect(logged).toEqual([["Cannot connect to NATS", { servers: [`nats://127.0.0.1:${port}`], reason }]]);
    await using nats = await startNats({ port });
    await connected(connection);
    expect(connection.state()).toEqual({ connected: true, server: nats.version, reason: undefined });
  });

  test("a reset during TLS, without a certificate of one's own, says what the server may want", async ({ expect }) => {
    const server = createServer((socket) => {
      socket.write('INFO {"server_id":"X","version":"2.10.0","tls_required":true,"max_payload":1048576}\r\n');
      socket.once("data", () => socket.resetAndDestroy()).on("error", () => {});
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using _server = { [Symbol.asyncDispose]: async () => await promisify(server.close.bind(server))() };
    const { port } = server.address() as AddressInfo;
    await using bare = open(`tls://127.0.0.1:${port}`, { tls: {} });
    await waitFor("the reason", () => bare.state().reason?.includes("ECONNRESET") === true);
    expect(bare.state().reason).toMatch(/; it may want a client certificate$/);
    await using plain = open(`nats://127.0.0.1:${port}`);
    await waitFor("another reason", () => !["not connected yet", undefined].includes(plain.state().reason));
    expect(plain.state().reason).not.toContain("certificate");
  });

  test("retry() ends the pause between two tries, and leaves a connection alone", async ({ expect }) => {
    const port = await freePort();
    await using connection = open(`nats://127.0.0.1:${port}`, { backoff: { initial: minutes(60), max: minutes(60) } });
    await waitFor("the reason", () => /refused/i.test(connection.state().reason ?? ""));
    await using _nats = await startNats({ port });
    connection.retry();
    await connected(connection);
    const live = connection.current();
    connection.retry();
    await live?.flush();
    expect(connection.current()).toBe(live);
  });

  test("connects again after the server was killed, with a new connection each time", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url);
    await connected(connection);
    const first = connection.current();
    await nats.kill();
    await waitFor("the loss", () => !connection.state().connected);
    expect(connection.current()).toBeUndefined();
    await nats.restart();
    await connected(connection);
    expect(connection.current()).not.toBe(first);
  });

  test("gives up a server that answers no ping, and comes back when it does", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url, { pingInterval: millis(100), connectTimeout: millis(300) });
    await connected(connection);
    nats.freeze();
    try {
      await waitFor("the loss", () => !connection.state().connected);
    } finally {
      nats.thaw();
    }
    await connected(connection);
    expect(connection.state().reason).toBeUndefined();
  });

  test("names wrong credentials as the reason and goes on trying", async ({ expect }) => {
    await using nats = await startNats({ config: 'authorization { user: "a", password: "b" }' });
    await using wrong = open(nats.url, { user: "a", password: "no" });
    await waitFor("the reason", () => wrong.state().reason === "the server refuses the credentials");
    await using right = open(nats.url, { user: "a", password: "b" });
    await connected(right);
    expect(wrong.state().connected).toBe(false);
  });

  test("reads the credentials file for each try", async ({ expect }) => {
    await using folder = await tempFolder();
    const credentials = join(folder.path, "device.creds");
    await using nats = await startNats();
    await using connection = open(nats.url, { credentials });
    await waitFor("the reason", () => connection.state().reason?.includes("ENOENT"));
    await writeFile(credentials, CREDENTIALS);
    await connected(connection);
    expect(connection.state().reason).toBeUndefined();
  });

  test("ends at once when disposed while a server accepts but says nothing", async ({ expect }) => {
    await using nats = await startNats();
    await using link = await startTcpProxy({ port: nats.port });
    link.stall();
    const connection = open(`nats://127.0.0.1:${link.port}`, { connectTimeout: seconds(60) });
    await waitFor("the dial", () => link.connections() > 0);
    const start = performance.now();
    await connection[Symbol.asyncDispose]();
    expect(performance.now() - start).toBeLessThan(5_000);
    expect(connection.current()).toBeUndefined();
  });
});

describe("createMessageBus()", () => {
  test("refuses to publish and to request while there is no connection", async ({ expect }) => {
    await using connection = open(`nats://127.0.0.1:${await freePort()}`);
    const bus = createMessageBus({ connection, log: silentLogger });
    const refusal = expect.objectContaining({ code: "ERR_LATTICE_UNREACHABLE" });
    expect(() => bus.publish({ subject: "a", body: raw("x"), replyTo: undefined })).toThrow(refusal);
    await expect(bus.request("a", raw("x"), seconds(1))).rejects.toEqual(refusal);
  });

  test("refuses subjects that are none, and bodies larger than the server takes", async ({ expect }) => {
    await using nats = await startNats({ config: "max_payload: 1024" });
    await using connection = open(nats.url);
    await connected(connection);
    const bus = createMessageBus({ connection, log: silentLogger });
    const refusal = expect.objectContaining({ code: "ERR_LATTICE_MESSAGE" });
    for (const subject of ["", "a b", "a.*", "a.>", "a\r\nPUB b 0", "a..b"]) {
      expect(() => bus.publish({ subject, body: raw("x"), replyTo: undefined })).toThrow(refusal);
    }
    expect(() => bus.subscribe("a.>.b", undefined, async () => {})).toThrow(refusal);
    const body = new Uint8Array(1025);
    expect(() => bus.publish({ subject: "a", body, replyTo: undefined })).toThrow(refusal);
    await expect(bus.request("a", body, seconds(1))).rejects.toEqual(refusal);
  });

  test("says that nobody answers a request, without waiting for the timeout", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url);
    await connected(connection);
    const bus = createMessageBus({ connection, log: silentLogger });
    await expect(bus.request("nobody", raw("x"), seconds(60))).rejects.toMatchObject({
      code: "ERR_LATTICE_UNREACHABLE",
      message: expect.stringContaining("nobody answers"),
    });
    await using _silent = bus.subscribe("silent", undefined, async () => {});
    await expect(bus.request("silent", raw("x"), millis(100))).rejects.toMatchObject({
      code: "ERR_LATTICE_UNREACHABLE",
      message: expect.stringContaining("no answer in time"),
    });
  });

  test("delivers one message after another, and answers requests", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url);
    await connected(connection);
    const bus = createMessageBus({ connection, log: silentLogger });
    const seen: string[] = [];
    let running = 0;
    await using _subscription = bus.subscribe("work.*", undefined, async ({ subject, body, replyTo }) => {
      running += 1;
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(`${subject} ${text(body)} ${running}`);
      running -= 1;
      if (replyTo !== undefined) bus.publish({ subject: replyTo, body: raw("done"), replyTo: undefined });
    });
    for (let i = 0; i < 50; i++) bus.publish({ subject: "work.a", body: raw(String(i)), replyTo: undefined });
    const answer = await bus.request("work.b", raw("last"), seconds(5));
    expect(text(answer.body)).toBe("done");
    expect(seen).toEqual([...Array.from({ length: 50 }, (_, i) => `work.a ${i} 1`), "work.b last 1"]);
  });

  test("keeps subscriptions over a reconnect, also one made while there was no connection", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url);
    const bus = createMessageBus({ connection, log: silentLogger });
    const seen: string[] = [];
    await using _subscription = bus.subscribe("news", "group", async ({ body }) => void seen.push(text(body)));
    const publish = async (body: string): Promise<void> => {
      await connected(connection);
      await connection.current()?.flush();
      await using other = await connect({ servers: nats.url });
      other.publish("news", raw(body));
      await other.flush();
      await waitFor(body, () => seen.includes(body));
    };
    await publish("before");
    await nats.kill();
    await waitFor("the loss", () => !connection.state().connected);
    await nats.restart();
    await publish("after");
    expect(seen).toEqual(["before", "after"]);
  });

  test("drops and tells when a handler is too slow, and delivers nothing after disposal", async ({ expect }) => {
    await using nats = await startNats();
    await using connection = open(nats.url);
    await connected(connection);
    const warnings: string[] = [];
    const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    const bus = createMessageBus({ connection, log, pending: { messages: 10, bytes: bytes(1000) } });
    const release = Promise.withResolvers<void>();
    const seen: string[] = [];
    const subscription = bus.subscribe("fast", undefined, async ({ body }) => {
      await release.promise;
      seen.push(text(body));
    });
    for (let i = 0; i < 100; i++) bus.publish({ subject: "fast", body: raw(String(i)), replyTo: undefined });
    await waitFor("the warning", () => warnings.length > 0);
    await connection.current()?.flush();
    release.resolve();
    await waitFor("what was kept", () => seen.length === 11);
    expect(seen).toEqual(Array.from({ length: 11 }, (_, i) => String(i)));
    expect(warnings).toEqual(["A bus subscription drops messages: its handler is too slow"]);
    await subscription[Symbol.asyncDispose]();
    bus.publish({ subject: "fast", body: raw("late"), replyTo: undefined });
    await connection.current()?.flush();
    expect(seen).not.toContain("late");
  });
});

// Well-formed, and known to no server: without authentication, a server does not look at it.
const CREDENTIALS = [
  "-----BEGIN NATS USER JWT-----",
  "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.e30.AAAA",
  "------END NATS USER JWT------",
  "",
  "-----BEGIN USER NKEY SEED-----",
  "SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4",
  "------END USER NKEY SEED------",
  "",
].join("\n");
