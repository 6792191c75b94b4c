import { once } from "node:events";
import { connect } from "node:net";
import { describe, test } from "vitest";
import { listen } from "../../../../test/support/guest-sockets.ts";
import { TcpConnection } from "./tcp-streams.ts";

describe("TcpConnection", () => {
  test("of a socket that was reset before is over, and tells why", async ({ expect }) => {
    await using server = await listen((socket) => socket.resetAndDestroy());
    const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.on("error", () => {});
    await new Promise((resolve) => socket.on("close", resolve));
    let closed = 0;
    const connection = new TcpConnection(socket, () => closed++);
    expect(closed).toBe(1);
    expect(connection.source.read(1)).toMatchObject({ val: { cause: { code: "connection-reset" } } });
    connection.close();
    expect(closed).toBe(1);
  });

  test("tells once that nothing of it is left", async ({ expect }) => {
    await using server = await listen((socket) => socket.end());
    const socket = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    await once(socket, "connect");
    let closed = 0;
    const connection = new TcpConnection(socket, () => closed++);
    connection.close();
    await once(socket, "close");
    expect(closed).toBe(1);
  });
});
