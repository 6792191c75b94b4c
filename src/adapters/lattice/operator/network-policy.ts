// What a workload may reach over the network, from the operator's lists to grants. Pure.

import { isIP } from "node:net";
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

/**
 * An empty list grants nothing. Names are looked up for connections that are granted and for nothing else, and this device's
 * own loopback is not reached: the lists for these two are checked, and grant nothing more.
 */
export function networkPolicy({ allowedHosts, allowedIpNameLookups, allowedHostLoopbackPorts }: Lists): NetworkPolicy {
  const hosts = allowedHosts.map((entry) => ({ entry, grant: hostGrant(entry) }));
  return {
    grants: hosts.flatMap(({ grant }) => (grant === undefined ? [] : [grant])),
    problems: [
      ...hosts.filter(({ grant }) => grant === undefined).map(({ entry }) => `allowedHosts ${quoted(entry)}`),
      ...allowedIpNameLookups.filter((one) => !isLookup(one)).map((one) => `allowedIpNameLookups ${quoted(one)}`),
      ...allowedHostLoopbackPorts
        .filter((one) => !isPort(LOOPBACK_PORT.exec(one)?.[1]))
        .map((one) => `allowedHostLoopbackPorts ${quoted(one)}`),
    ],
  };
}

function hostGrant(entry: string): string | undefined {
  if (entry === "*") return "*:*";
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
  return `${host.toLowerCase()}:${port ?? SCHEME_PORTS[(scheme ?? "").toLowerCase()] ?? "*"}`;
}

const isLookup = (entry: string): boolean =>
  entry === "*" || isIP(entry) !== 0 || NAME.test(entry.startsWith("*.") ? entry.slice(2) : entry);

const isPort = (text: string | undefined): boolean => Number(text) >= 1 && Number(text) <= 65_535;

const quoted = (entry: string): string => JSON.stringify(entry.slice(0, 100));
