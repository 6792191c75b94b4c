// Where requests may go.

import { isIP } from "node:net";
import { normalHost } from "#provider";

/** Such as `https://api.example`, `http://*.example:8080`, `https://[fd00::1]:*` or `https://*`. */
export interface Allowed {
  readonly secure: boolean;
  /** Undefined: any. */
  readonly host: string | undefined;
  /** Allows what lies below `host`, and not itself. */
  readonly below: boolean;
  /** Undefined: any. */
  readonly port: number | undefined;
}

export interface Destination {
  readonly secure: boolean;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
}

const ENTRY =
  /^(https?):\/\/(\*|(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::(\*|[0-9]{1,5}))?\/?$/;

/** Undefined when the text is none. */
export function parseAllowed(text: string): Allowed | undefined {
  const [, scheme, host, port] = ENTRY.exec(text) ?? [];
  if (scheme === undefined || host === undefined) return undefined;
  const secure = scheme === "https";
  const number = port === undefined ? (secure ? 443 : 80) : Number(port);
  if (port !== "*" && (number < 1 || number > 65_535)) return undefined;
  if (host.startsWith("[") && isIP(host.slice(1, -1)) !== 6) return undefined;
  const below = host.startsWith("*.");
  return {
    secure,
    host: host === "*" ? undefined : normalHost(below ? host.slice(2) : host),
    below,
    port: port === "*" ? undefined : number,
  };
}

/** `named`: by an entry that has the address itself, or `localhost`. */
export function judge(list: readonly Allowed[], destination: Destination): "denied" | "allowed" | "named" {
  const host = normalHost(destination.host);
  const isAddress = isIP(host) !== 0;
  const matching = list.filter((one) => {
    if (one.secure !== destination.secure) return false;
    if (one.port !== undefined && one.port !== destination.port) return false;
    if (one.host === undefined) return host !== "";
    return one.below ? !isAddress && host.endsWith(`.${one.host}`) : host === one.host;
  });
  if (matching.length === 0) return "denied";
  const itself = isAddress || host === "localhost" || host.endsWith(".localhost");
  return itself && matching.some((one) => one.host !== undefined) ? "named" : "allowed";
}
