// What a workload may reach over the network, from the operator's lists to grants. Pure.

import { BlockList, isIP } from "node:net";
import type { LocalResources } from "./wire.ts";

export interface NetworkPolicy {
  /** As `Grants.network` has them. */
  readonly grants: readonly string[];
  /** Entries that are none, each with its list. */
  readonly problems: readonly string[];
}

type Lists = Pick<LocalResources, "allowedHosts" | "allowedIpNameLookups" | "allowedHostLoopbackPorts">;

const LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const NAME = new RegExp(`^${LABEL}(\\.${LABEL})*$`);
const HOST = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(\[[^\]]*\]|[^:/?#[\]]*)(?::(\d{1,5}))?(\/)?$/i;
const LOOPBACK_PORT = /^(\d{1,5})(?:\/(?:tcp|udp))?$/;

/** The ports that a scheme stands for: an entry with a scheme and no port is for that one alone. */
const SCHEME_PORTS: Readonly<Record<string, number>> = { http: 80, ws: 80, https: 443, wss: 443 };

/** Where connections to this device itself go, as IPv4 and as IPv6 spells it. Those of `::ffff:0:0/96` are seen as IPv4. */
const LOOPBACK = new BlockList();
for (const network of ["0.0.0.0", "127.0.0.0"]) LOOPBACK.addSubnet(network, 8, "ipv4");
LOOPBACK.addSubnet("::", 127, "ipv6");
for (const network of ["::7f00:0", "64:ff9b::7f00:0"]) LOOPBACK.addSubnet(network, 104, "ipv6");

/**
 * An empty list grants nothing. Names are looked up for connections that are granted and for nothing else, and this device's
 * own loopback is not reached: the lists for these two are checked, and grant nothing more, and neither does an entry of
 * `allowedHosts` that names it.
 */
export function networkPolicy({ allowedHosts, allowedIpNameLookups, allowedHostLoopbackPorts }: Lists): NetworkPolicy {
  const hosts = allowedHosts.map((entry) => ({ entry, grants: hostGrants(entry) }));
  return {
    grants: hosts.flatMap(({ grants }) => grants ?? []),
    problems: [
      ...hosts.filter(({ grants }) => grants === undefined).map(({ entry }) => `allowedHosts ${quoted(entry)}`),
      ...allowedIpNameLookups.filter((one) => !isLookup(one)).map((one) => `allowedIpNameLookups ${quoted(one)}`),
      ...allowedHostLoopbackPorts
        .filter((one) => !isPort(LOOPBACK_PORT.exec(one)?.[1]))
        .map((one) => `allowedHostLoopbackPorts ${quoted(one)}`),
    ],
  };
}

/** Undefined for what is no entry. */
function hostGrants(entry: string): string[] | undefined {
  if (entry === "*") return ["*:*"];
  const match = HOST.exec(entry);
  if (match === null) return undefined;
  const [, scheme, host = "", port, slash] = match;
  if (slash !== undefined && scheme === undefined) return undefined;
  if (port !== undefined && !isPort(port)) return undefined;
  const name = host.startsWith("*.") ? host.slice(2) : host;
  if (name !== host && isIP(name) !== 0) return undefined;
  // As a grant it would be one to listen.
  if (name === host && /^listen$/i.test(host)) return undefined;
  const bracketed = name.startsWith("[");
  if (bracketed ? isIP(name.slice(1, -1)) !== 6 : !NAME.test(name) || name.length > 253) return undefined;
  if (isLoopback(name.toLowerCase())) return [];
  return [`${host.toLowerCase()}:${port ?? SCHEME_PORTS[(scheme ?? "").toLowerCase()] ?? "*"}`];
}

function isLoopback(name: string): boolean {
  // A zone is no part of the address.
  const address = name.replace(/^\[([^%\]]*).*$/, "$1");
  const version = isIP(address);
  if (version === 0) return name === "localhost" || name.endsWith(".localhost");
  return LOOPBACK.check(address, version === 4 ? "ipv4" : "ipv6");
}

const isLookup = (entry: string): boolean =>
  entry === "*" || isIP(entry) !== 0 || NAME.test(entry.startsWith("*.") ? entry.slice(2) : entry);

const isPort = (text: string | undefined): boolean => Number(text) >= 1 && Number(text) <= 65_535;

const quoted = (entry: string): string => JSON.stringify(entry.slice(0, 100));
