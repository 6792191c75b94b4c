// How requests of a component are sent: what it was granted says it, or the provider that it is linked to.

import type { EgressSettings } from "../../../lib/http-egress.ts";
import type { NetworkGrants } from "../network-grants.ts";

/** In milliseconds. */
export interface ClientTimeouts {
  readonly connect: number;
  readonly firstByte: number;
  readonly betweenBytes: number;
  readonly total: number | undefined;
}

export interface Egress {
  /** Requests with the same one share connections. */
  readonly key: string;
  /** Whether a connection to `host`, which may be asked, may go to this address of it. */
  allowsAddress(host: string, address: string): boolean;
  readonly timeouts: ClientTimeouts;
  /** A component may ask for more time. */
  readonly extendable: boolean;
  readonly maxResponse: number;
  readonly maxConnections: number;
  /** In milliseconds. */
  readonly keepAlive: number;
  readonly tls: EgressSettings["tls"];
}

export function grantedEgress(grants: NetworkGrants): Egress {
  return {
    key: "",
    allowsAddress: (host, address) => grants.allowsAddress(host, address),
    timeouts: { connect: 30_000, firstByte: 60_000, betweenBytes: 60_000, total: undefined },
    extendable: true,
    maxResponse: Infinity,
    maxConnections: 8,
    keepAlive: 15_000,
    tls: {},
  };
}
