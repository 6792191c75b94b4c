// How a provider that a component is linked to lets its requests be sent. Loaded when the first one is permitted.

import { BlockList, isIP } from "node:net";
import type { EgressPermit, EgressSettings } from "../../../lib/http-egress.ts";
import { normalHost } from "../../../lib/host-name.ts";
import { interfaceAddresses, spellings } from "../network-grants.ts";
import type { Egress } from "./egress.ts";

/** Remembers the settings that permits come with once. */
export class PermittedEgress {
  #known: { readonly key: string; readonly settings: EgressSettings; readonly networks: AddressRules } | undefined;

  get key(): string | undefined {
    return this.#known?.key;
  }

  /** @throws Error when the permit has no settings, and they are not known */
  take({ key, trusted, settings }: EgressPermit): Egress {
    if (settings !== undefined) this.#known = { key, settings, networks: addressRules(settings.networks) };
    const known = this.#known;
    if (known?.key !== key) throw new Error("a permit without settings");
    const { timeouts, maxResponse, maxConnections, keepAlive, tls } = known.settings;
    const allowsAddress = trusted ? isHostItself : (_host: string, address: string) => known.networks(address);
    return { key, allowsAddress, timeouts, extendable: false, maxResponse, maxConnections, keepAlive, tls };
  }
}

type AddressRules = (address: string) => boolean;

/** `localhost` leads wherever this device says. */
function isHostItself(host: string, address: string): boolean {
  return isIP(host) === 0 || normalHost(host) === normalHost(address);
}

/** Of the internet; everything else belongs to somebody's own network, or to nobody. */
const SPECIAL_V4 = blockList("ipv4", [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
]);
const PUBLIC_V6 = blockList("ipv6", [
  ["2000::", 3],
  ["64:ff9b::", 96],
]);
/** Teredo and 6to4 lead to IPv4 addresses of any kind. */
const SPECIAL_V6 = blockList("ipv6", [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

/**
 * Lets through public addresses that this device does not have itself, and those of `networks`. An IPv6 address is
 * judged by the IPv4 address in it as well, where it has one.
 */
export function addressRules(
  networks: readonly string[],
  ownAddresses: () => readonly string[] = interfaceAddresses,
): AddressRules {
  const allowed = new BlockList();
  for (const network of networks) {
    const [address = "", prefix] = network.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    allowed.addSubnet(address, prefix === undefined ? (family === "ipv4" ? 32 : 128) : Number(prefix), family);
  }
  const isAllowed = (address: string): boolean => allowed.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
  return (address) => {
    if (isIP(address) === 0) return false;
    const own = new Set(ownAddresses().map(normalHost));
    const all = spellings(normalHost(address));
    const mapped = all.length > 1 && !PUBLIC_V6.check(all[0] ?? "", "ipv6");
    return (mapped ? all.slice(1) : all).every((one) => isAllowed(one) || (isPublic(one) && !own.has(normalHost(one))));
  };
}

function isPublic(address: string): boolean {
  if (isIP(address) === 4) return !SPECIAL_V4.check(address, "ipv4");
  return PUBLIC_V6.check(address, "ipv6") && !SPECIAL_V6.check(address, "ipv6");
}

function blockList(
  family: "ipv4" | "ipv6",
  networks: readonly (readonly [address: string, prefix: number])[],
): BlockList {
  const list = new BlockList();
  for (const [address, prefix] of networks) list.addSubnet(address, prefix, family);
  return list;
}
