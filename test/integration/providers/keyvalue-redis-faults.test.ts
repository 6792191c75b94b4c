// Pins what `keyvalue-redis` makes of a Redis that stands still, ends, refuses, or is none: each is the component's typed
// err, and calls work again when it does.

import { createServer, type Socket } from "node:net";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createKeyValueRedisProvider } from "../../../providers/keyvalue/redis/index.ts";
import { open, text } from "../../conformance/keyvalue/subject.ts";
import { createAuthority } from "../../support/certificates.ts";
import { freePort } from "../../support/ports.ts";
import { tempFolder } from "../../support/processes.ts";
import { recordingLogger, startProvider, type Rig } from "../../support/provider-rig.ts";
import { startRedis, testRedisBinary } from "../../support/redis.ts";
import { waitFor } from "../../support/wait-for.ts";

const binary = await testRedisBinary();
const start = async (config: readonly string[] = []) => await startRedis({ binary: binary ?? "", config });

/** Of a busy machine. */
const SOON = { timeout: "20s", connect_timeout: "20s", reconnect: { initial: "20ms", max: "100ms" } };
/** For servers that do not answer. */
const IMPATIENT = { timeout: "1s" };
const connect = async (host: string, config: object = {}): Promise<Rig> =>
  await startProvider(createKeyValueRedisProvider, { url: `redis://${host}`, ...SOON, ...config });

/** The `err` with one of the reasons that begin its text. */
const failing = (reason: string) => ({
  payload: { tag: "other", val: expect.stringMatching(`^${reason}: `) as string },
});
const DENIED = { payload: { tag: "access-denied" } };

describe.skipIf(binary === undefined)("keyvalue-redis", () => {
  test("a server that stands still times out, is given up, and is used again when it goes on", async ({ expect }) => {
    await using server = await start();
    await using rig = await connect(server.host, IMPATIENT);
    await using bucket = await open(rig);
    await bucket.set("k", "before");
    server.freeze();
    const calls = await Promise.allSettled([bucket.get("k"), bucket.set("other", "x"), bucket.increment("n", 1n)]);
    for (const call of calls) expect(call).toMatchObject({ status: "rejected", reason: failing("timeout") });
    // Nothing is queued for a connection that is not there.
    await expect(bucket.get("k")).rejects.toMatchObject(failing("unavailable"));
    server.thaw();
    expect(await waitFor("the server", async () => text(await bucket.get("k")))).toBe("before");
  });

  test("a paused server times out, and calls work again after it", async ({ expect }) => {
    await using server = await start();
    await using rig = await connect(server.host, IMPATIENT);
    await using bucket = await open(rig);
    await bucket.set("k", "before");
    expect(await server.ask("CLIENT", "PAUSE", "600000", "WRITE")).toBe("+OK");
    await expect(bucket.set("k", "during")).rejects.toMatchObject(failing("timeout"));
    expect(await server.ask("CLIENT", "UNPAUSE")).toBe("+OK");
    await waitFor("the server", async () => (await bucket.set("k", "after"), true));
    expect(text(await bucket.get("k"))).toBe("after");
  });

  test("a server that is killed under calls fails them as unavailable, and has its data when it is back", async ({
    expect,
  }) => {
    await using server = await start();
    // Long enough that nothing times out before the server is gone.
    await using rig = await connect(server.host, { timeout: "60s" });
    await using bucket = await open(rig);
    for (let i = 0; i < 50; i += 1) await bucket.increment("n", 1n);
    server.freeze();
    const call = bucket.increment("n", 1n);
    const refused = expect(call).rejects.toMatchObject(failing("unavailable"));
    await server.kill();
    await refused;
    await expect(bucket.get("n")).rejects.toMatchObject(failing("unavailable"));
    await server.start();
    const found = await waitFor("the server", async () => text(await bucket.get("n")));
    // The call that failed may have been done.
    expect(["50", "51"]).toContain(found);
  });

  test("a server that is not there yet does not keep the provider from starting", async ({ expect }) => {
    const port = await freePort();
    await using rig = await connect(`127.0.0.1:${port}`);
    await using bucket = await open(rig);
    await expect(bucket.get("k")).rejects.toMatchObject(failing("unavailable"));
    await using _server = await startRedis({ binary: binary ?? "", config: [], port });
    await waitFor("the server", async () => (await bucket.exists("k")) === false || undefined);
  });

  test("more calls than may wait are refused as busy, and the end of the link waits for the others", async ({
    expect,
  }) => {
    await using server = await start();
    await using rig = await connect(server.host, { max_inflight: 3, timeout: "60s" });
    const bucket = await open(rig);
    server.freeze();
    const calls = ["a", "b", "c"].map(async (key) => await bucket.set(key, "x"));
    await expect(bucket.get("a")).rejects.toMatchObject(failing("busy"));
    const disposed = bucket[Symbol.asyncDispose]();
    server.thaw();
    await disposed;
    expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(Array(3).fill("fulfilled"));
  });

  test("the password comes from a file, also a new one, and what the user may not do is access-denied", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "password");
    await writeFile(file, "wrong\n");
    await using server = await start(["user default off", "user device on >right ~petiole:* +@all -set"]);
    await using rig = await connect(server.host, { username: "device", password_file: file });
    await using bucket = await open(rig);
    await expect(bucket.get("k")).rejects.toMatchObject(failing("unavailable"));
    await expect(bucket.get("k")).rejects.not.toMatchObject({
      payload: { val: expect.stringContaining("wrong") as string },
    });
    await writeFile(file, "right\nwhat comes after the first line is of no interest\n");
    await waitFor("the password", async () => (await bucket.exists("k")) === false || undefined);
    expect(await bucket.increment("n", 1n)).toBe(1n);
    await expect(bucket.set("k", "x")).rejects.toMatchObject(DENIED);
    await using outside = await connect(server.host, { username: "device", password: "right", prefix: "their:" });
    await using theirs = await open(outside);
    await expect(theirs.get("k")).rejects.toMatchObject(DENIED);
  });

  test("a server that is full says so, and what is there is read further", async ({ expect }) => {
    await using server = await start(["maxmemory-policy noeviction"]);
    await using rig = await connect(server.host);
    await using bucket = await open(rig);
    await bucket.set("k", "kept");
    await server.ask("CONFIG", "SET", "maxmemory", "1");
    await expect(bucket.set("other", "x")).rejects.toMatchObject(failing("full"));
    expect(text(await bucket.get("k"))).toBe("kept");
  });

  test("keys of other programs are left alone, and read where they are values", async ({ expect }) => {
    await using server = await start();
    await using rig = await connect(server.host, { prefix: "", database: 3 });
    await using bucket = await open(rig, { config: { namespace: "shop" }, identifier: "stock" });
    await bucket.set("mine", "1");
    await using other = await connect(server.host, { prefix: "" });
    await using elsewhere = await open(other, { config: { namespace: "shop" }, identifier: "stock" });
    expect(await elsewhere.listAll()).toEqual([]);
    await server.ask("SET", "shop:stock:theirs", "2");
    await server.ask("HSET", "shop:stock:hash", "field", "value");
    expect(await elsewhere.listAll()).toEqual(["theirs"]);
    expect(text(await elsewhere.get("theirs"))).toBe("2");
    await expect(elsewhere.get("hash")).rejects.toMatchObject(failing("refused"));
    await expect(elsewhere.increment("hash", 1n)).rejects.toMatchObject(failing("refused"));
  });

  test("few keys among many others are found, with pages that may be empty", async ({ expect }) => {
    await using server = await start(["enable-debug-command yes"]);
    await server.ask("DEBUG", "POPULATE", "40000", "other");
    await using rig = await connect(server.host);
    await using bucket = await open(rig);
    await bucket.setMany(["a", "b", "c"].map((key) => [key, key]));
    expect([...(await bucket.listAll())].sort()).toEqual(["a", "b", "c"]);
  });

  test("TLS takes the server's certificate from the authority that is configured alone", async ({ expect }) => {
    await using folder = await tempFolder();
    const authority = await createAuthority(folder.path);
    const another = await createAuthority(folder.path, "another");
    const [serverCertificate, client] = [await authority.server("redis"), await authority.client("device")];
    await using server = await startRedis({ binary: binary ?? "", tls: { ...serverCertificate, ca: authority.ca } });
    const url = `rediss://${server.host}`;
    const tls = { ca_file: authority.ca, cert_file: client.cert, key_file: client.key };
    await using rig = await connect(server.host, { url, tls });
    await using bucket = await open(rig);
    await bucket.set("k", "secret");
    expect(text(await bucket.get("k"))).toBe("secret");
    await using stranger = await connect(server.host, { url, tls: { ...tls, ca_file: another.ca } });
    await using none = await open(stranger);
    await expect(none.get("k")).rejects.toMatchObject(failing("unavailable"));
  });
});

describe("keyvalue-redis with something else at the other end", () => {
  /** Greets each connection, or answers each piece, with the same bytes. */
  async function startImpostor(answer: (socket: Socket, times: number) => void) {
    const sockets = new Set<Socket>();
    let times = 0;
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", () => answer(socket, (times += 1)));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const address = server.address();
    return {
      host: `127.0.0.1:${typeof address === "object" ? address?.port : ""}`,
      [Symbol.asyncDispose]: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((done) => server.close(done));
      },
    };
  }

  for (const [what, answer] of [
    ["another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["answers to what nobody asked", "+PONG\r\n".repeat(100)],
    ["a line without an end", "+".repeat(100_000)],
    ["a value that no memory has", "$9007199254740993\r\n"],
    ["nothing", ""],
  ] as const) {
    test(`${what} is unavailable`, async ({ expect }) => {
      await using impostor = await startImpostor((socket) => socket.write(answer));
      await using rig = await connect(impostor.host, IMPATIENT);
      await using bucket = await open(rig);
      await waitFor("a typed refusal", async () => {
        await expect(bucket.get("k")).rejects.toMatchObject(failing("(unavailable|timeout)"));
        return true;
      });
    });
  }

  test("a password that a server sends back is neither logged nor told", async ({ expect }) => {
    const echo = "-ERR unknown command 'AUTH', with args beginning with: 'swordfish'\r\n";
    await using impostor = await startImpostor((socket) => socket.write(echo));
    const log = recordingLogger();
    const config = { url: `redis://${impostor.host}`, password: "swordfish", ...SOON };
    await using rig = await startProvider(createKeyValueRedisProvider, config, { log });
    await using bucket = await open(rig);
    await expect(bucket.get("k")).rejects.toMatchObject({
      payload: { tag: "other", val: "unavailable: no connection to Redis: the server refuses the login: ERR" },
    });
    const [record] = log.records;
    expect(record).toMatchObject({ message: "Cannot connect to Redis" });
    expect(JSON.stringify(log.records)).not.toContain("swordfish");
  });

  test("an answer of another kind is a typed err", async ({ expect }) => {
    await using impostor = await startImpostor((socket, times) =>
      socket.write(times === 1 ? "+PONG\r\n" : "*1\r\n:1\r\n"),
    );
    await using rig = await connect(impostor.host);
    await using bucket = await open(rig);
    await expect(bucket.get("k")).rejects.toMatchObject(failing("unavailable"));
    await expect(bucket.list()).rejects.toMatchObject(failing("unavailable"));
    await expect(bucket.increment("n", 1n)).rejects.toMatchObject(failing("unavailable"));
  });
});
