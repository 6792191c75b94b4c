// Pins what `keyvalue-nats` makes of a server that is away, stands still or refuses: each is the component's typed err, and
// calls work again when it does. And that other programs find in the bucket what they expect.

import { Kvm } from "@nats-io/kv";
import { connect, headers } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { createKeyValueNatsProvider } from "../../../providers/keyvalue/nats/index.ts";
import { open, text } from "../../conformance/keyvalue/subject.ts";
import { openNatsPaths } from "../../support/nats-path.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { startProvider, type Rig, type RigOptions } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const provide = async (nats: NonNullable<RigOptions["services"]>["nats"], config: object = {}): Promise<Rig> =>
  await startProvider(
    createKeyValueNatsProvider,
    { create: {}, ...config },
    { services: nats === undefined ? {} : { nats } },
  );

/** The `err` with one of the reasons that begin its text. */
const failing = (reason: string) => ({
  payload: { tag: "other", val: expect.stringMatching(`^${reason}: `) as string },
});

async function buckets(server: TestNats) {
  const connection = await connect({ servers: server.url });
  return { kvm: new Kvm(connection), [Symbol.asyncDispose]: async () => await connection.close() };
}

describe("keyvalue-nats", () => {
  test("other programs share the bucket, and keys of theirs that are none are passed over", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using others = await buckets(server);
    await using rig = await provide(nats);
    await using bucket = await open(rig, { config: { namespace: "shop" }, identifier: "stock" });
    await bucket.set("sensor/1.temp", "20");
    await bucket.set("a b", "x");
    const theirs = await others.kvm.open("petiole");
    expect((await theirs.get("shop.stock.sensor/1.temp"))?.string()).toBe("20");
    expect((await theirs.get("shop.stock.a=20b"))?.string()).toBe("x");
    await theirs.put("shop.stock.made.elsewhere", "yes");
    await theirs.put("shop.stock.odd=2e", "not ours");
    expect(text(await bucket.get("made.elsewhere"))).toBe("yes");
    expect(await bucket.listAll()).toEqual(["sensor/1.temp", "a b", "made.elsewhere"]);
    const watched = await theirs.watch({ key: "shop.stock.made.elsewhere", ignoreDeletes: false });
    await bucket.remove("made.elsewhere");
    for await (const entry of watched) if (entry.operation === "DEL") break;
    expect(await bucket.exists("made.elsewhere")).toBe(false);
    await theirs.purge("shop.stock.a=20b");
    expect(await bucket.listAll()).toEqual(["sensor/1.temp"]);
  });

  test("a value that was changed and changed back is another one for swap", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats);
    await using bucket = await open(rig, { version: "0.2.0-draft2" });
    await bucket.set("k", "same");
    const cas = await bucket.cas("k");
    await bucket.set("k", "same");
    await expect(bucket.swap(cas, "mine")).rejects.toMatchObject({ payload: { tag: "cas-failed" } });
    // One from a provider that compares values, which the link had before.
    const foreign = { bucket: "default", key: "k", seen: { value: Buffer.from("same") } };
    await expect(bucket.swap(foreign, "mine")).rejects.toMatchObject({ payload: { tag: "cas-failed" } });
  });

  test("counts of several devices add up", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using left = await provide(nats);
    await using right = await provide(nats);
    await using mine = await open(left);
    await using theirs = await open(right);
    await mine.increment("n", 0n);
    const both = [mine, theirs].flatMap((bucket) =>
      Array.from({ length: 20 }, async () => await bucket.increment("n", 1n)),
    );
    expect(new Set(await Promise.all(both)).size).toBe(40);
    expect(await mine.increment("n", 0n)).toBe(40n);
  });

  test("without a hub, and with a server that is away, calls are unavailable at once", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats);
    await using bucket = await open(rig);
    await bucket.set("k", "kept");
    await server.kill();
    await waitFor("the loss of the connection", () => nats.hub.current() === undefined);
    for (const call of [bucket.get("k"), bucket.set("k", "x"), bucket.increment("n", 1n), bucket.list()]) {
      await expect(call).rejects.toMatchObject(failing("unavailable"));
    }
    await server.restart();
    expect(await waitFor("the server", async () => text(await bucket.get("k")))).toBe("kept");
  });

  test("a server that stands still times out, and is used again when it goes on", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats, { timeout: "2s" });
    await using bucket = await open(rig);
    await bucket.set("k", "before");
    server.freeze();
    const calls = [bucket.get("k"), bucket.set("other", "x"), bucket.increment("n", 1n), bucket.list()];
    for (const call of await Promise.allSettled(calls)) {
      expect(call).toMatchObject({ status: "rejected", reason: failing("timeout") });
    }
    server.thaw();
    expect(await waitFor("the server", async () => text(await bucket.get("k")))).toBe("before");
  });

  test("more calls than may wait are refused as busy, and the end of the link waits for the others", async ({
    expect,
  }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats, { timeout: "60s", max_inflight: 2 });
    const bucket = await open(rig);
    await bucket.set("k", "x");
    server.freeze();
    const calls = [bucket.get("k"), bucket.get("k")];
    await expect(bucket.get("k")).rejects.toMatchObject(failing("busy"));
    const disposed = bucket[Symbol.asyncDispose]();
    server.thaw();
    await disposed;
    expect((await Promise.all(calls)).map(text)).toEqual(["x", "x"]);
  });

  test("a bucket that is not there is no-such-store unless it may be made", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats, { create: undefined });
    await using bucket = await open(rig);
    const missing = { payload: { tag: "no-such-store" } };
    await expect(bucket.get("k")).rejects.toMatchObject(missing);
    await expect(bucket.set("k", "x")).rejects.toMatchObject(missing);
    await expect(bucket.list()).rejects.toMatchObject(missing);
    await using others = await buckets(server);
    await others.kvm.create("petiole");
    await bucket.set("k", "x");
    expect(text(await bucket.get("k"))).toBe("x");
  });

  test("a server without JetStream is unavailable", async ({ expect }) => {
    await using server = await startNats();
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats);
    await using bucket = await open(rig);
    await expect(bucket.get("k")).rejects.toMatchObject(failing("unavailable"));
    await expect(bucket.set("k", "x")).rejects.toMatchObject(failing("unavailable"));
  });

  test("a listing that the server ends before its end is unavailable", async ({ expect }) => {
    await using server = await startNats();
    // Says that there are keys, and then that what would give them is gone.
    const impostor = await connect({ servers: server.url });
    impostor.subscribe("$JS.API.>", {
      callback: (_error, message) => {
        if (message.subject.includes(".MSG.NEXT.")) message.respond("", { headers: headers(409, "Consumer Deleted") });
        else message.respond(JSON.stringify({ config: { max_msgs_per_subject: 1 }, num_pending: 2 }));
      },
    });
    await impostor.flush();
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats);
    await using bucket = await open(rig);
    await expect(bucket.list()).rejects.toMatchObject(failing("unavailable"));
    await impostor.close();
  });

  test("what the user may not do is access-denied", async ({ expect }) => {
    const may = `publish: ["$JS.API.STREAM.INFO.KV_petiole", "$JS.API.STREAM.MSG.GET.KV_petiole"]`;
    await using server = await startNats({
      jetstream: true,
      config: `authorization { users: [{ user: all, password: all }, { user: reader, password: secret, permissions { ${may} } }] }`,
    });
    await using all = await openNatsPaths(`nats://all:all@127.0.0.1:${server.port}`);
    await using writing = await provide(all);
    await using writer = await open(writing);
    await writer.set("k", "x");
    await using nats = await openNatsPaths(`nats://reader:secret@127.0.0.1:${server.port}`);
    await using rig = await provide(nats, { timeout: "60s" });
    await using bucket = await open(rig);
    expect(text(await bucket.get("k"))).toBe("x");
    await expect(bucket.set("k", "y")).rejects.toMatchObject({ payload: { tag: "access-denied" } });
    await expect(bucket.list()).rejects.toMatchObject({ payload: { tag: "access-denied" } });
  });

  test("a bucket that is full says so, and a value that the server does not take is refused", async ({ expect }) => {
    await using server = await startNats({ jetstream: true, config: "max_payload: 64KB" });
    await using nats = await openNatsPaths(server.url);
    await using rig = await provide(nats, { create: { max_bytes: "100KiB" } });
    await using bucket = await open(rig);
    await expect(bucket.set("large", Buffer.alloc(70_000))).rejects.toMatchObject(failing("refused"));
    await bucket.set("k", Buffer.alloc(60_000));
    await expect(bucket.set("other", Buffer.alloc(60_000))).rejects.toMatchObject(failing("full"));
    // The connection is still there.
    expect(await bucket.exists("k")).toBe(true);
  });

  test("a server of its own is used instead of the hub, and let go at the end", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    await using paths = await openNatsPaths(server.url);
    const hub = { ...paths.hub, current: () => expect.unreachable("the hub was used") };
    const rig = await provide({ ...paths, hub }, { server: { urls: [server.url] } });
    const bucket = await open(rig);
    await waitFor("the connection", async () => (await bucket.set("k", "x"), true));
    expect(text(await bucket.get("k"))).toBe("x");
    await bucket[Symbol.asyncDispose]();
    await rig[Symbol.asyncDispose]();
    await waitFor("one connection less", async () => {
      const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz`);
      return ((await answer.json()) as { readonly num_connections: number }).num_connections === 1;
    });
  });
});
