import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "vitest";
import { MAX_SOCKETS } from "./context.ts";
import { MAX_BACKLOG } from "./tcp-options.ts";
import { SOCKET_BUFFER } from "./tcp-streams.ts";
import { listen, loopback, openSockets, settled, value } from "../../../../test/support/guest-sockets.ts";

const ANY = loopback(0);

describe("TcpSocket", () => {
  test("connects, writes, reads, sees the end, and tells its addresses", async ({ expect }) => {
    await using server = await listen((socket) => socket.pipe(socket));
    using sockets = openSockets([`127.0.0.1:${server.port}`]);
    using socket = sockets.createTcp();
    expect(socket.finishConnect()).toEqual({ tag: "err", val: "not-in-progress" });
    value(socket.startConnect(undefined, loopback(server.port)));
    expect(socket.startConnect(undefined, loopback(server.port))).toEqual({ tag: "err", val: "invalid-state" });
    const [input, output] = value(await settled(socket, () => socket.finishConnect()));
    expect(socket.remoteAddress()).toEqual({ tag: "ok", val: loopback(server.port) });
    expect(value(socket.localAddress())).toMatchObject({ tag: "ipv4", val: { address: [127, 0, 0, 1] } });
    await output.blockingWriteAndFlush(Buffer.from("hello"));
    expect(Buffer.from(value(await input.blockingRead(3n))).toString()).toBe("hel");
    expect(Buffer.from(value(await input.blockingRead(100n))).toString()).toBe("lo");
    expect(value(input.read(100n)).byteLength).toBe(0);
    value(socket.shutdown("send"));
    expect(output.checkWrite()).toEqual({ tag: "err", val: { tag: "closed" } });
    expect(await input.blockingRead(1n)).toEqual({ tag: "err", val: { tag: "closed" } });
    expect(socket.remoteAddress()).toEqual({ tag: "ok", val: loopback(server.port) });
  });

  test("reaches nothing that is not granted, and no odd address", ({ expect }) => {
    using sockets = openSockets(["127.0.0.1:1", "[::1]:1", "0.0.0.0:*"]);
    using socket = sockets.createTcp();
    const outcome = (address: Parameters<typeof socket.startConnect>[1]) => socket.startConnect(undefined, address).val;
    expect(outcome(loopback(2))).toBe("access-denied");
    expect(outcome({ tag: "ipv4", val: { port: 1, address: [127, 0, 0, 2] } })).toBe("access-denied");
    expect(outcome({ tag: "ipv4", val: { port: 1, address: [0, 0, 0, 0] } })).toBe("invalid-argument");
    expect(outcome(loopback(0))).toBe("invalid-argument");
    const v6 = (address: readonly number[]) => ({
      tag: "ipv6" as const,
      val: { port: 1, flowInfo: 0, scopeId: 0, address },
    });
    expect(outcome(v6([0, 0, 0, 0, 0, 0, 0, 1]))).toBe("invalid-argument");
    using other = sockets.createTcp("ipv6");
    expect(other.startConnect(undefined, v6([0, 0, 0, 0, 0, 0xffff, 0x7f00, 1])).val).toBe("invalid-argument");
  });

  test("finishConnect() tells that nobody listens", async ({ expect }) => {
    const server = await listen(() => {});
    await server[Symbol.asyncDispose]();
    using sockets = openSockets(["127.0.0.1:*"]);
    using socket = sockets.createTcp();
    value(socket.startConnect(undefined, loopback(server.port)));
    const failed = await settled(socket, () => socket.finishConnect());
    expect(failed).toEqual({ tag: "err", val: "connection-refused" });
  });

  test("an output stream takes no more than is bounded while nobody reads", async ({ expect }) => {
    const { promise: accepted, resolve } = Promise.withResolvers<Socket>();
    await using server = await listen((socket) => resolve(socket.pause()));
    using sockets = openSockets(["127.0.0.1:*"]);
    using socket = sockets.createTcp();
    value(socket.startConnect(undefined, loopback(server.port)));
    const [, output] = value(await settled(socket, () => socket.finishConnect()));
    const peer = await accepted;
    let written = 0n;
    // Until the kernel's buffers are full and bytes wait here. The event loop turns between two writes.
    for (let space = value(output.checkWrite()); space > 0n; space = value(output.checkWrite())) {
      expect(space).toBeLessThanOrEqual(BigInt(SOCKET_BUFFER));
      value(output.write(new Uint8Array(Number(space))));
      written += space;
      await new Promise(setImmediate);
    }
    let received = 0n;
    peer.on("data", (bytes) => {
      received += BigInt(bytes.length);
    });
    peer.resume();
    expect(await output.blockingFlush()).toEqual({ tag: "ok", val: undefined });
    socket[Symbol.dispose]();
    await once(peer, "end");
    peer.destroy();
    expect(received).toBe(written);
  });

  test("a reset shows at both streams, once with its reason", async ({ expect }) => {
    await using server = await listen((socket) => void socket.once("data", () => socket.resetAndDestroy()));
    using sockets = openSockets(["127.0.0.1:*"]);
    using socket = sockets.createTcp();
    value(socket.startConnect(undefined, loopback(server.port)));
    const [input, output] = value(await settled(socket, () => socket.finishConnect()));
    value(output.write(Uint8Array.of(1)));
    const failed = await input.blockingRead(1n);
    expect(failed).toMatchObject({
      tag: "err",
      val: { tag: "last-operation-failed", val: { cause: { code: "connection-reset" } } },
    });
    expect(await input.blockingRead(1n)).toEqual({ tag: "err", val: { tag: "closed" } });
  });

  test("listens on a granted port, accepts, and serves", async ({ expect }) => {
    using sockets = openSockets(["listen:*"]);
    using socket = sockets.createTcp();
    expect(socket.startListen()).toEqual({ tag: "err", val: "invalid-state" });
    value(socket.startBind(undefined, ANY));
    value(socket.finishBind());
    value(socket.startListen());
    value(await settled(socket, () => socket.finishListen()));
    expect(socket.isListening()).toBe(true);
    expect(socket.accept()).toEqual({ tag: "err", val: "would-block" });
    const client = connect(value(socket.localAddress()).val.port, "127.0.0.1");
    client.write("ping");
    const [accepted, input, output] = value(await settled(socket, () => socket.accept()));
    expect(Buffer.from(value(await input.blockingRead(10n))).toString()).toBe("ping");
    await output.blockingWriteAndFlush(Buffer.from("pong"));
    const [answer] = (await once(client, "data")) as [Buffer];
    expect(answer.toString()).toBe("pong");
    client.end();
    expect(await input.blockingRead(1n)).toEqual({ tag: "err", val: { tag: "closed" } });
    accepted[Symbol.dispose]();
    await once(client, "close");
  });

  test("does not listen on what is not granted, or taken", async ({ expect }) => {
    await using server = await listen(() => {});
    using denied = openSockets(["127.0.0.1:*", "listen:1"]);
    expect(denied.createTcp().startBind(undefined, loopback(8080)).val).toBe("access-denied");
    const unnamed = denied.createTcp();
    value(unnamed.startBind(undefined, ANY));
    value(unnamed.finishBind());
    expect(unnamed.startListen().val).toBe("access-denied");
    using granted = openSockets([`listen:${server.port}`]);
    using socket = granted.createTcp();
    value(socket.startBind(undefined, loopback(server.port)));
    value(socket.finishBind());
    value(socket.startListen());
    expect(await settled(socket, () => socket.finishListen())).toEqual({ tag: "err", val: "address-in-use" });
  });

  test("there are only so many at a time, and dropping the instance closes all", async ({ expect }) => {
    const closed: Promise<unknown>[] = [];
    await using server = await listen((socket) => {
      closed.push(once(socket.resume(), "end").then(() => socket.destroy()));
    });
    const sockets = openSockets(["127.0.0.1:*"]);
    const open = Array.from({ length: MAX_SOCKETS }, () => sockets.createTcp());
    expect(sockets.tcp()).toEqual({ tag: "err", val: "new-socket-limit" });
    open.at(-1)?.[Symbol.dispose]();
    const [first] = [...open.slice(0, 1), sockets.createTcp()];
    if (first === undefined) throw new Error("no socket");
    value(first.startConnect(undefined, loopback(server.port)));
    value(await settled(first, () => first.finishConnect()));
    sockets[Symbol.dispose]();
    while (closed.length === 0) await new Promise(setImmediate);
    await Promise.all(closed);
    expect(sockets.tcp()).toEqual({ tag: "err", val: "new-socket-limit" });
  });

  test("options are kept, and checked as the standard says", ({ expect }) => {
    using sockets = openSockets([]);
    using socket = sockets.createTcp();
    value(socket.setKeepAliveEnabled(true));
    value(socket.setKeepAliveIdleTime(1n));
    expect([value(socket.keepAliveEnabled()), value(socket.keepAliveIdleTime())]).toEqual([true, 1_000_000_000n]);
    value(socket.setReceiveBufferSize(2n ** 40n));
    expect(value(socket.receiveBufferSize())).toBe(BigInt(SOCKET_BUFFER));
    value(socket.setListenBacklogSize(BigInt(MAX_BACKLOG) * 2n));
    for (const outcome of [
      socket.setListenBacklogSize(0n),
      socket.setKeepAliveCount(0),
      socket.setKeepAliveIdleTime(0n),
      socket.setKeepAliveInterval(0n),
      socket.setHopLimit(0),
      socket.setSendBufferSize(0n),
    ]) {
      expect(outcome).toEqual({ tag: "err", val: "invalid-argument" });
    }
    expect(socket.shutdown("both")).toEqual({ tag: "err", val: "invalid-state" });
  });
});
