// wasi:sockets: nothing is reached, looked up or listened on but what the component was granted.

import type { Suspend } from "../waiting.ts";
import type { AddressFamily } from "./addresses.ts";
import { SocketContext } from "./context.ts";
import { attempt, networkErrorCode } from "./errors.ts";
import { ResolveAddressStream, systemResolver, type Resolver } from "./lookup.ts";
import { TcpSocket } from "./tcp.ts";
import { IncomingDatagramStream, OutgoingDatagramStream, UdpSocket } from "./udp.ts";

export interface SocketsDeps {
  /** As in Grants; `listen:8080` and `listen:*` let it listen. */
  readonly granted: readonly string[];
  readonly suspend: Suspend;
  readonly resolve?: Resolver;
}

/** Disposing it closes what the guest has open. */
export interface Sockets extends Disposable {
  readonly interfaces: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** There is only one. */
class Network {
  readonly name = "instance-network";
}

export function createSockets({ granted, suspend, resolve = systemResolver }: SocketsDeps): Sockets {
  const context = new SocketContext(suspend, granted);
  return {
    interfaces: {
      "wasi:sockets/instance-network": { instanceNetwork: () => new Network() },
      "wasi:sockets/ip-name-lookup": {
        ResolveAddressStream,
        resolveAddresses: (_network: Network, name: string) =>
          attempt(() => new ResolveAddressStream(context, name, resolve)),
      },
      "wasi:sockets/network": { Network, networkErrorCode },
      "wasi:sockets/tcp": { TcpSocket },
      "wasi:sockets/tcp-create-socket": {
        createTcpSocket: (family: AddressFamily) => attempt(() => new TcpSocket(context, family)),
      },
      "wasi:sockets/udp": { UdpSocket, IncomingDatagramStream, OutgoingDatagramStream },
      "wasi:sockets/udp-create-socket": {
        createUdpSocket: (family: AddressFamily) => attempt(() => new UdpSocket(context, family)),
      },
    },
    [Symbol.dispose]: () => context[Symbol.dispose](),
  };
}
