// Where a component may connect to. A name that is granted may be served by whoever owns its DNS records, so what it
// resolves to is checked too: an answer that points at this device is no way around the grants of its own addresses.
// Addresses of the local network are let through: that is where a device's neighbours are.

import { BlockList, isIP } from "node:net";

const ANY_PORT = "*";

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
}

interface Grant {
  readonly host: string;
  /** Grants what lies below `host`, and not itself. */
  readonly wildcard: boolean;
  /** Undefined for any. */
  readonly port: number | undefined;
}

/** Of entries such as `api.example:443`, `*.example:443`, `[fd00::1]:8080` or `10.0.0.7:*`. */
export function parseNetworkGrants(entries: readonly string[]): NetworkGrants {
  const grants = entries.map(parseGrant);
  const matching = (host: string): Grant[] => {
    const wanted = normalHost(host);
    const isAddress = isIP(wanted) !== 0;
    return grants.filter((one) =>
      one.wildcard ? !isAddress && wanted.endsWith(`.${one.host}`) : wanted === one.host && wanted !== "",
    );
  };
  return {
    allows: (host, port) => matching(host).some((one) => one.port === undefined || one.port === port),
    allowsName: (host) => matching(host).length > 0,
    allowsAddress: (host, address) => {
      const wanted = normalHost(host);
      if (isIP(wanted) !== 0) return wanted === normalHost(address);
      if (wanted === "localhost" || wanted.endsWith(".localhost")) return true;
      const version = isIP(address);
      return version !== 0 && !NEVER_BY_NAME.check(address, version === 4 ? "ipv4" : "ipv6");
    },
  };
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

/** One spelling for each host: lower case, no final dot, addresses without brackets and in their shortest form. */
function normalHost(host: string): string {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (isIP(bare) !== 6) return bare.toLowerCase().replace(/\.$/, "");
  // The parser of URLs writes every address in one way; zones are no part of it.
  return URL.parse(`http://[${bare.replace(/%.*$/, "")}]`)?.hostname.slice(1, -1) ?? bare;
}
