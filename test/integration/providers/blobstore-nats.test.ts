// The provider blobstore-nats on a real nats-server: the contract, what other clients of object stores see, and a server that
// goes away in the middle.

import { jetstreamManager } from "@nats-io/jetstream";
import { Objm } from "@nats-io/obj";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createBlobstoreNatsProvider } from "../../../providers/blobstore/nats.ts";
import { connectNats, type LatticeConnection } from "../../../src/adapters/lattice/connection.ts";
import { createNatsPaths } from "../../../src/adapters/lattice/nats-paths.ts";
import { millis } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { openComponent, wasiBlobstoreSuite } from "../../conformance/blobstore/suite.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { startProvider, type Rig } from "../../support/provider-rig.ts";
import { waitFor } from "../../support/wait-for.ts";

const backoff = { initial: millis(20), max: millis(100) };

interface World extends AsyncDisposable {
  readonly nats: TestNats;
  readonly connection: LatticeConnection;
  readonly rig: Rig;
  readonly live: () => NonNullable<ReturnType<LatticeConnection["current"]>>;
}

async function open(nats: TestNats, config: object = {}): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const connection = stack.use(connectNats({ servers: [nats.url], name: "agent", log: silentLogger, backoff }));
  const live: World["live"] = () => {
    const current = connection.current();
    if (current === undefined) throw new Error("there is no connection");
    return current;
  };
  await waitFor("the connection", () => connection.current() !== undefined);
  const hub = { connection, domain: undefined };
  const paths = createNatsPaths({ hub, name: "agent", log: silentLogger, clock: systemClock });
  const rig = stack.use(
    await startProvider(createBlobstoreNatsProvider, config, { id: "blobs", services: { nats: paths } }),
  );
  const owned = stack.move();
  return { nats, connection, rig, live, [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}

let shared: TestNats;
beforeAll(async () => {
  shared = await startNats({ jetstream: true });
}, 60_000);
afterAll(async () => await shared[Symbol.asyncDispose]());

async function openEmpty(config: object = {}): Promise<World> {
  const world = await open(shared, config);
  const manager = await jetstreamManager(world.live());
  for await (const { config: stream } of manager.streams.list()) await manager.streams.delete(stream.name);
  return world;
}

wasiBlobstoreSuite({
  name: "NATS",
  async create() {
    const world = await openEmpty();
    return { ...world.rig, [Symbol.asyncDispose]: async () => await world[Symbol.asyncDispose]() };
  },
});

describe("blobstore-nats", () => {
  test("keeps what other clients of object stores read, and reads what they keep", async ({ expect }) => {
    await using world = await openEmpty();
    await using component = await openComponent(world.rig, { namespace: "" });
    await component.create("shared");
    await component.put("shared", "ours", Buffer.alloc(300_000, "o"));
    const store = await new Objm(world.live()).open("shared");
    // Checks the digest.
    expect(Buffer.from((await store.getBlob("ours")) ?? []).equals(Buffer.alloc(300_000, "o"))).toBe(true);
    await store.putBlob({ name: "theirs", options: { max_chunk_size: 1000 } }, Buffer.from("abc".repeat(1000)));
    expect(await component.text("shared", "theirs", 999n, 1001n)).toBe("abc");
    expect(await component.list("shared")).toEqual(["ours", "theirs"]);
    await component.on("shared", "delete-object", "theirs");
    expect((await store.info("theirs"))?.deleted).toBe(true);
    await store.delete("ours");
    expect(await component.list("shared")).toEqual([]);
    expect((await store.status()).size).toBeLessThan(10_000);
  });

  test("leaves no pieces of what was replaced, once nobody reads it, nor of what was given up", async ({ expect }) => {
    await using world = await openEmpty();
    await using component = await openComponent(world.rig, { namespace: "" });
    await component.create("c");
    const size = async (): Promise<number> => (await (await new Objm(world.live()).open("c")).status()).size;
    await component.put("c", "o", Buffer.alloc(400_000));
    const reader = await component.stream(await component.open("c", "o"));
    let read = 0;
    for await (const piece of reader) {
      if (read === 0) await component.put("c", "o", "short");
      read += piece.byteLength;
    }
    expect(read).toBe(400_000);
    await Promise.all(Array.from({ length: 4 }, async () => await component.put("c", "o", Buffer.alloc(100_000))));
    await component.put("c", "o", "short");
    expect(await size()).toBeLessThan(10_000);
    const { value, writer } = await component.begin();
    await component.on("c", "write-data", "p", value);
    await writer.write(Buffer.alloc(400_000));
    expect(await size()).toBeGreaterThan(131_072);
    await component.types("[resource-drop]outgoing-value", value);
    expect(await size()).toBeLessThan(10_000);
  });

  test("tells when a container is full, and when pieces are missing", async ({ expect }) => {
    await using world = await openEmpty({ max_container: "300KiB" });
    await using component = await openComponent(world.rig, { namespace: "" });
    await component.create("c");
    await component.put("c", "o", Buffer.alloc(200_000));
    await expect(component.put("c", "p", Buffer.alloc(200_000))).rejects.toMatchObject({
      payload: "the store is full",
    });
    expect(await component.list("c")).toEqual(["o"]);
    const reader = await component.stream(await component.open("c", "o"));
    const manager = await jetstreamManager(world.live());
    const readAll = async (): Promise<void> => {
      for await (const _ of reader) await manager.streams.purge("OBJ_c", { filter: "$O.c.C.>" });
    };
    await expect(readAll()).rejects.toMatchObject({ payload: "the object is shorter than it should be" });
  });

  test("fails what is under way when the server goes, and works again when it is back", async ({ expect }) => {
    await using nats = await startNats({ jetstream: true });
    await using world = await open(nats, { timeout: "3s" });
    await using component = await openComponent(world.rig, { namespace: "" });
    await component.create("c");
    await component.put("c", "o", Buffer.alloc(400_000, "a"));
    const { value, writer } = await component.begin();
    await component.on("c", "write-data", "o", value);
    await writer.write(Buffer.alloc(200_000, "b"));
    const reader = await component.stream(await component.open("c", "o"));
    const readAll = async (): Promise<void> => {
      for await (const _ of reader) await nats.kill();
    };
    const gone = { name: "WitError", payload: expect.stringContaining("the store cannot be reached") as string };
    await expect(readAll()).rejects.toMatchObject(gone);
    await expect(writer.write(Buffer.alloc(200_000, "b"))).rejects.toMatchObject(gone);
    await expect(component.types("[static]outgoing-value.finish", value)).rejects.toMatchObject(gone);
    await expect(component.info("c", "o")).rejects.toMatchObject(gone);
    await nats.restart();
    await waitFor("the connection", () => world.connection.current() !== undefined);
    const found = await waitFor("the store", async () => await component.text("c", "o").catch(() => undefined));
    expect([found.length, found.replaceAll("a", "")]).toEqual([400_000, ""]);
  });

  test("says that there is no hub", async ({ expect }) => {
    const paths = createNatsPaths({ hub: undefined, name: "agent", log: silentLogger, clock: systemClock });
    await using rig = await startProvider(createBlobstoreNatsProvider, {}, { services: { nats: paths } });
    await using component = await openComponent(rig);
    await expect(component.create("c")).rejects.toMatchObject({
      payload: "the store cannot be reached: no hub is configured",
    });
  });
});
