// For tests: a guest's view of its sockets.

import { createServer, type AddressInfo, type Server } from "node:net";
import type { WasiResult } from "../../src/runtime/wasi/result.ts";
import type { Suspend } from "../../src/runtime/wasi/waiting.ts";
import type { AddressFamily, IpSocketAddress } from "../../src/runtime/wasi/sockets/addresses.ts";
import { createSockets, type SocketsDeps } from "../../src/runtime/wasi/sockets/index.ts";
import type { ResolveAddressStream } from "../../src/runtime/wasi/sockets/lookup.ts";
import type { NetworkResult } from "../../src/runtime/wasi/sockets/errors.ts";
import type { TcpSocket } from "../../src/runtime/wasi/sockets/tcp.ts";
import type { UdpSocket } from "../../src/runtime/wasi/sockets/udp.ts";

export const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));

export interface TestSockets extends Disposable {
  createTcp(family?: AddressFamily): TcpSocket;
  tcp(family?: AddressFamily): NetworkResult<TcpSocket>;
  udp(family?: AddressFamily): UdpSocket;
  resolve(name: string): NetworkResult<ResolveAddressStream>;
}

type Create<T> = (family: AddressFamily) => NetworkResult<T>;

export function openSockets(granted: readonly string[], more: Partial<SocketsDeps> = {}): TestSockets {
  const { interfaces, [Symbol.dispose]: dispose } = createSockets({ granted, suspend, ...more });
  const member = (name: string, key: string): unknown => interfaces[name]?.[key];
  const tcp = member("wasi:sockets/tcp-create-socket", "createTcpSocket") as Create<TcpSocket>;
  const udp = member("wasi:sockets/udp-create-socket", "createUdpSocket") as Create<UdpSocket>;
  const resolve = member("wasi:sockets/ip-name-lookup", "resolveAddresses") as (
    network: undefined,
    name: string,
  ) => NetworkResult<ResolveAddressStream>;
  return {
    createTcp: (family = "ipv4") => value(tcp(family)),
    tcp: (family = "ipv4") => tcp(family),
    udp: (family = "ipv4") => value(udp(family)),
    resolve: (name) => resolve(undefined, name),
    [Symbol.dispose]: dispose,
  };
}

/** The ok value. */
export function value<T>(result: WasiResult<T, unknown>): T {
  if (result.tag === "err") throw new Error(`err: ${String(result.val)}`);
  return result.val;
}

export const loopback = (port: number): IpSocketAddress => ({ tag: "ipv4", val: { port, address: [127, 0, 0, 1] } });

/** A server outside of the guest. */
export async function listen(
  onSocket: Parameters<typeof createServer>[1],
): Promise<AsyncDisposable & { port: number }> {
  const server: Server = createServer({ allowHalfOpen: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

/** Waits as a guest does, until `finish` does not answer would-block any more. */
export async function settled<T>(
  subscribe: { subscribe(): { block(): Promise<void> | undefined } },
  finish: () => NetworkResult<T>,
): Promise<NetworkResult<T>> {
  for (;;) {
    const result = finish();
    if (result.tag !== "err" || result.val !== "would-block") return result;
    await subscribe.subscribe().block();
  }
}
