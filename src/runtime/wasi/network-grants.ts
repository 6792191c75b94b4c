// Where a component may connect to. A name that is granted may be served by whoever owns its DNS records, so what it
// resolves to is checked too: an answer that points at this device, by loopback or by an address of one of its
// interfaces, is no way around the grants of its own addresses.
// Addresses of the local network are let through: that is where a device's neighbours are.

import { BlockList, isIP } from "node:net";
import { normalHost } from "../../lib/host-name.ts";
import { parseAddress } from "./sockets/addresses.ts";

const ANY_PORT = "*";
/** As a host: every one but this device, which is reached only when it is granted by its address, or as `localhost`. */
const ANY_HOST = "*";
/** `listen:8080` grants to take connections and datagrams on a port, as `api.example:443` grants to make them. */
const LISTEN = "listen";

/** Reached only when the address itself, or `localhost`, is granted. */
const NEVER_BY_NAME = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const) {
  NEVER_BY_NAME.addSubnet(network, prefix, "ipv4");
}
for (const [network, prefix] of [
  ["::", 127],
  ["fe80::", 10],
  ["ff00::", 8],
] as const) {
  NEVER_BY_NAME.addSubnet(network, prefix, "ipv6");
}

export interface NetworkGrants {
  /** `host` is a name or an address, as the component gives it. */
  allows(host: string, port: number): boolean;
  /** Whether any port of it is granted, so that its name may be looked up. */
  allowsName(host: string): boolean;
  /** Whether a connection to `host`, which is granted, may go to this address of it. */
  allowsAddress(host: string, address: string): boolean;
  /** Whether connections and datagrams may be taken on a port of this device. */
  allowsListening(port: number): boolean;
}

interface Grant {
  readonly host: string;
  /** Grants what lies below `host`, and not itself. */
  readonly wildcard: boolean;
  /** Undefined for any. */
  readonly port: number | undefined;
}

/**
 * Of entries such as `api.example:443`, `*.example:443`, `[fd00::1]:8080`, `10.0.0.7:*`, `*:*` or `listen:8080`.
 * `ownAddresses` gives those of this device, which come and go.
 */
export function parseNetworkGrants(
  entries: readonly string[],
  ownAddresses: () => readonly string[] = interfaceAddresses,
): NetworkGrants {
  const all = entries.map(parseGrant);
  const isListening = ({ host, wildcard }: Grant): boolean => host === LISTEN && !wildcard;
  const listening = all.filter(isListening);
  const grants = all.filter((one) => !isListening(one));
  const matching = (host: string): Grant[] => {
    const wanted = normalHost(host);
    const isAddress = isIP(wanted) !== 0;
    return grants.filter((one) => {
      if (one.wildcard) return !isAddress && wanted.endsWith(`.${one.host}`);
      return one.host === ANY_HOST ? isElsewhere(wanted) : wanted === one.host && wanted !== "";
    });
  };
  const isElsewhere = (wanted: string): boolean => {
    if (isIP(wanted) === 0) return wanted !== "" && wanted !== "localhost" && !wanted.endsWith(".localhost");
    const own = new Set(ownAddresses().map(normalHost));
    return spellings(wanted).every((one) => !isNeverByName(one) && !own.has(normalHost(one)));
  };
  return {
    allows: (host, port) => matching(host).some((one) => hasPort(one, port)),
    allowsName: (host) => matching(host).length > 0,
    allowsAddress: (host, address) => {
      const wanted = normalHost(host);
      if (isIP(wanted) !== 0) return wanted === normalHost(address);
      if (wanted === "localhost" || wanted.endsWith(".localhost")) return true;
      if (isIP(address) === 0) return false;
      return isElsewhere(normalHost(address));
    },
    allowsListening: (port) => listening.some((one) => hasPort(one, port)),
  };
}

const hasPort = (grant: Grant, port: number): boolean => grant.port === undefined || grant.port === port;

const isNeverByName = (address: string): boolean => NEVER_BY_NAME.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");

/** An address, and the IPv4 address that a gateway or the kernel may take it for. */
export function spellings(address: string): string[] {
  const ip = parseAddress(address);
  if (ip?.tag !== "ipv6") return [address];
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, high = 0, low = 0] = ip.val;
  const middle = [c, d, e].every((group) => group === 0);
  const mapped = a === 0 && b === 0 && middle && (f === 0 || f === 0xffff);
  const nat64 = a === 0x64 && b === 0xff9b && middle && f === 0;
  if (!mapped && !nat64) return [address];
  return [address, [high >> 8, high & 255, low >> 8, low & 255].join(".")];
}

/** Addresses that this device has now. */
export function interfaceAddresses(): string[] {
  const { networkInterfaces } = process.getBuiltinModule("node:os");
  return Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address));
}

function parseGrant(entry: string): Grant {
  const colon = entry.lastIndexOf(":");
  const host = entry.slice(0, colon);
  const port = entry.slice(colon + 1);
  const wildcard = host.startsWith("*.");
  return {
    host: normalHost(wildcard ? host.slice(2) : host),
    wildcard,
    port: port === ANY_PORT ? undefined : Number(port),
  };
}
