import dgram, { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, test, vi } from "vitest";
import { MAX_SOCKETS, SocketContext } from "./context.ts";
import {
  loopback,
  openSockets,
  settled,
  suspend,
  value,
  type TestSockets,
} from "../../../../test/support/guest-sockets.ts";
import { MAX_DATAGRAM_BYTES, MAX_DATAGRAMS, UdpPort, type UdpSocket } from "./udp.ts";

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

async function bound(sockets: TestSockets, port = 0): Promise<UdpSocket> {
  const socket = sockets.udp();
  value(socket.startBind(undefined, loopback(port)));
  value(await settled(socket, () => socket.finishBind()));
  return socket;
}

const portOf = (socket: UdpSocket): number => value(socket.localAddress()).val.port;

/** A socket outside of the guest. */
async function openPeer() {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

describe("UdpSocket", () => {
  test("sends to and receives from whom is granted", async ({ expect }) => {
    using peer = await openPeer();
    using sockets = openSockets([`127.0.0.1:${peer.port}`]);
    using socket = await bound(sockets);
    const [input, output] = value(socket.stream(undefined));
    expect(value(input.receive(10n))).toEqual([]);
    expect(value(output.send([{ data: bytes("ask"), remoteAddress: loopback(peer.port) }]))).toBe(1n);
    const [asked] = (await once(peer.socket, "message")) as [Buffer];
    expect(asked.toString()).toBe("ask");
    peer.socket.send("tell", portOf(socket), "127.0.0.1");
    await input.subscribe().block();
    expect(value(input.receive(10n))).toEqual([{ data: bytes("tell"), remoteAddress: loopback(peer.port) }]);
  });

  test("is bound at once, and tells its port or why not", ({ expect }) => {
    using sockets = openSockets(["listen:*"]);
    using socket = sockets.udp();
    value(socket.startBind(undefined, loopback(0)));
    value(socket.finishBind());
    expect(portOf(socket)).toBeGreaterThan(0);
    using second = sockets.udp();
    value(second.startBind(undefined, loopback(portOf(socket))));
    expect(second.finishBind()).toEqual({ tag: "err", val: "address-in-use" });
    expect(second.finishBind()).toEqual({ tag: "err", val: "not-in-progress" });
  });

  test("hears nobody else, unless it was granted to listen", async ({ expect }) => {
    using friend = await openPeer();
    using stranger = await openPeer();
    using sockets = openSockets([`127.0.0.1:${friend.port}`]);
    using socket = await bound(sockets);
    const [input] = value(socket.stream(undefined));
    stranger.socket.send("psst", portOf(socket), "127.0.0.1");
    await new Promise((resolve) => stranger.socket.send("psst", portOf(socket), "127.0.0.1", resolve));
    friend.socket.send("hello", portOf(socket), "127.0.0.1");
    await input.subscribe().block();
    expect(value(input.receive(10n)).map((one) => one.data)).toEqual([bytes("hello")]);

    using open = openSockets(["listen:*"]);
    using server = await bound(open);
    const [heard, answer] = value(server.stream(undefined));
    stranger.socket.send("psst", portOf(server), "127.0.0.1");
    await heard.subscribe().block();
    expect(value(heard.receive(1n))).toMatchObject([{ remoteAddress: loopback(stranger.port) }]);
    expect(answer.send([{ data: bytes("x"), remoteAddress: loopback(stranger.port) }]).val).toBe("access-denied");
  });

  test("a stream with a remote address knows only that one", async ({ expect }) => {
    using peer = await openPeer();
    using other = await openPeer();
    using sockets = openSockets(["127.0.0.1:*"]);
    using socket = await bound(sockets);
    expect(socket.remoteAddress().val).toBe("invalid-state");
    const [input, output] = value(socket.stream(loopback(peer.port)));
    expect(value(socket.remoteAddress())).toEqual(loopback(peer.port));
    expect(output.send([{ data: bytes("x"), remoteAddress: loopback(other.port) }]).val).toBe("invalid-argument");
    await new Promise((resolve) => other.socket.send("no", portOf(socket), "127.0.0.1", resolve));
    value(output.send([{ data: bytes("x") }]));
    await once(peer.socket, "message");
    peer.socket.send("yes", portOf(socket), "127.0.0.1");
    await input.subscribe().block();
    expect(value(input.receive(10n)).map((one) => one.data)).toEqual([bytes("yes")]);
  });

  test("send() stops before what it cannot send, and ends a guest that sends too many", async ({ expect }) => {
    using peer = await openPeer();
    using sockets = openSockets([`127.0.0.1:${peer.port}`]);
    using socket = await bound(sockets);
    const [, output] = value(socket.stream(undefined));
    const fine = { data: bytes("x"), remoteAddress: loopback(peer.port) };
    expect(value(output.send([fine, { data: bytes("x") }, fine]))).toBe(1n);
    expect(output.send([{ ...fine, data: new Uint8Array(65_508) }]).val).toBe("datagram-too-large");
    expect(value(output.checkSend())).toBeLessThan(BigInt(MAX_DATAGRAMS));
    const large = { ...fine, data: new Uint8Array(MAX_DATAGRAM_BYTES / 4) };
    expect(value(output.send([large, large, large, large, large, large]))).toBeLessThanOrEqual(4n);
    expect(value(output.checkSend())).toBe(0n);
    expect(() => output.send(Array.from({ length: MAX_DATAGRAMS + 1 }, () => fine))).toThrow(/check-send/);
  });

  test("what nobody takes is lost beyond a bound", async ({ expect }) => {
    using peer = await openPeer();
    using context = new SocketContext(suspend, ["127.0.0.1:*"]);
    const port = new UdpPort(context, "ipv4", { address: "127.0.0.1", port: 0 });
    const flood = MAX_DATAGRAMS * 2;
    const { promise: arrived, resolve } = Promise.withResolvers<void>();
    let count = 0;
    port.socket.on("message", () => void (++count === flood && resolve()));
    for (let sent = 0; sent < flood; sent++) {
      await new Promise((done) => peer.socket.send(String(sent), port.socket.address().port, "127.0.0.1", done));
    }
    await arrived;
    const received = port.take(flood).map((one) => Number(Buffer.from(one.data).toString()));
    expect(received).toEqual(Array.from({ length: MAX_DATAGRAMS }, (_, index) => index));
  });

  test("is not made when too much is open", ({ expect }) => {
    using context = new SocketContext(suspend, []);
    for (let index = 0; index < MAX_SOCKETS; index++) context.open(() => {});
    using made = vi.spyOn(dgram, "createSocket");
    expect(() => new UdpPort(context, "ipv4", { address: "127.0.0.1", port: 0 })).toThrow("new-socket-limit");
    expect(made).not.toHaveBeenCalled();
  });

  test("does not bind a port that is not granted", ({ expect }) => {
    using sockets = openSockets(["127.0.0.1:*"]);
    expect(sockets.udp().startBind(undefined, loopback(5353)).val).toBe("access-denied");
    expect(sockets.udp().finishBind().val).toBe("not-in-progress");
  });
});
