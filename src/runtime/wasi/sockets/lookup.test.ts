import { describe, test } from "vitest";
import type { IpAddress } from "./addresses.ts";
import type { Resolver } from "./lookup.ts";
import { listen, loopback, openSockets, settled, value } from "../../../../test/support/guest-sockets.ts";

const v4 = (...val: number[]): IpAddress => ({ tag: "ipv4", val });
const found =
  (...addresses: string[]): Resolver =>
  () =>
    Promise.resolve(addresses);

describe("ResolveAddressStream", () => {
  test("gives the addresses of a granted name one by one", async ({ expect }) => {
    using sockets = openSockets(["api.example:443"], { resolve: found("10.0.0.1", "fd00::1") });
    const stream = value(sockets.resolve("api.example"));
    expect(stream.resolveNextAddress()).toEqual({ tag: "err", val: "would-block" });
    await stream.subscribe().block();
    expect(value(stream.resolveNextAddress())).toEqual(v4(10, 0, 0, 1));
    expect(value(stream.resolveNextAddress())).toEqual({ tag: "ipv6", val: [0xfd00, 0, 0, 0, 0, 0, 0, 1] });
    expect(value(stream.resolveNextAddress())).toBeUndefined();
  });

  test("looks up no other name, and addresses not at all", ({ expect }) => {
    using sockets = openSockets(["api.example:443"], {
      resolve: () => {
        throw new Error("looked up");
      },
    });
    expect(sockets.resolve("other.example")).toEqual({ tag: "err", val: "access-denied" });
    expect(sockets.resolve("")).toEqual({ tag: "err", val: "invalid-argument" });
    expect(value(value(sockets.resolve("192.0.2.1")).resolveNextAddress())).toEqual(v4(192, 0, 2, 1));
  });

  test("tells why a name has no address", async ({ expect }) => {
    for (const [code, told] of [
      ["ENOTFOUND", "name-unresolvable"],
      ["EAI_AGAIN", "temporary-resolver-failure"],
    ] as const) {
      const resolve: Resolver = () => Promise.reject(Object.assign(new Error(code), { code }));
      using sockets = openSockets(["api.example:443"], { resolve });
      const stream = value(sockets.resolve("api.example"));
      await stream.subscribe().block();
      expect(stream.resolveNextAddress()).toEqual({ tag: "err", val: told });
    }
  });

  test("a name that leads to this device leads nowhere", async ({ expect }) => {
    using sockets = openSockets(["evil.example:*"], { resolve: found("127.0.0.1", "::1", "169.254.169.254") });
    const stream = value(sockets.resolve("evil.example"));
    await stream.subscribe().block();
    expect(stream.resolveNextAddress()).toEqual({ tag: "err", val: "access-denied" });
    expect(sockets.createTcp().startConnect(undefined, loopback(80)).val).toBe("access-denied");
  });

  test("lets its addresses be reached at the ports that are granted", async ({ expect }) => {
    await using server = await listen((socket) => socket.end());
    using sockets = openSockets([`localhost:${server.port}`], { resolve: found("127.0.0.1") });
    using before = sockets.createTcp();
    expect(before.startConnect(undefined, loopback(server.port)).val).toBe("access-denied");
    const stream = value(sockets.resolve("localhost"));
    await stream.subscribe().block();
    expect(value(stream.resolveNextAddress())).toEqual(v4(127, 0, 0, 1));
    expect(before.startConnect(undefined, loopback(server.port + 1)).val).toBe("access-denied");
    value(before.startConnect(undefined, loopback(server.port)));
    value(await settled(before, () => before.finishConnect()));
  });
});
