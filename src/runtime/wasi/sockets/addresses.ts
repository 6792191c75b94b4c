// Addresses as wasi:sockets has them, and as text, in which Node takes them.

import { NetworkError } from "./errors.ts";

export type AddressFamily = "ipv4" | "ipv6";

export type IpAddress =
  | { readonly tag: "ipv4"; readonly val: readonly number[] }
  | { readonly tag: "ipv6"; readonly val: readonly number[] };

export type IpSocketAddress =
  | { readonly tag: "ipv4"; readonly val: { readonly port: number; readonly address: readonly number[] } }
  | {
      readonly tag: "ipv6";
      readonly val: {
        readonly port: number;
        readonly flowInfo: number;
        readonly address: readonly number[];
        readonly scopeId: number;
      };
    };

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** Text in one spelling for each address. IPv6 stays long: it is compared, not shown. */
export function addressText({ tag, val }: IpAddress): string {
  return tag === "ipv4" ? val.join(".") : val.map((group) => group.toString(16)).join(":");
}

/** @throws NetworkError invalid-argument when the address is of another family, or one of the other in disguise */
export function endpointOf(address: IpSocketAddress, family: AddressFamily): Endpoint {
  const ip: IpAddress = { tag: address.tag, val: address.val.address };
  if (address.tag !== family || isMapped(ip)) throw new NetworkError("invalid-argument");
  return { address: addressText(ip), port: address.val.port };
}

/** @throws NetworkError invalid-state when there is no endpoint yet, or none any more */
export function socketAddress(endpoint: Endpoint | undefined): IpSocketAddress {
  if (endpoint === undefined) throw new NetworkError("invalid-state");
  const { address, port } = endpoint;
  const ip = parseAddress(address);
  if (ip === undefined) throw new NetworkError("unknown");
  if (ip.tag === "ipv4") return { tag: "ipv4", val: { port, address: ip.val } };
  return { tag: "ipv6", val: { port, flowInfo: 0, address: ip.val, scopeId: 0 } };
}

/** Undefined when the text is no address. A zone is left out: WASI knows it by number only. */
export function parseAddress(text: string): IpAddress | undefined {
  const v4 = parseIpv4(text);
  if (v4 !== undefined) return { tag: "ipv4", val: v4 };
  const v6 = parseIpv6(text.replace(/%.*$/, ""));
  return v6 === undefined ? undefined : { tag: "ipv6", val: v6 };
}

/** `0.0.0.0` or `::`. */
export const isUnspecified = ({ address }: Endpoint): boolean => /^[0.:]+$/.test(address);

const isMapped = ({ tag, val }: IpAddress): boolean =>
  tag === "ipv6" && val.slice(0, 5).every((group) => group === 0) && val[5] === 0xffff;

function parseIpv4(text: string): number[] | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte < 256) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const [head = "", tail, ...more] = text.split("::");
  if (more.length > 0) return undefined;
  const before = parseGroups(head);
  const after = tail === undefined ? [] : parseGroups(tail);
  if (before === undefined || after === undefined) return undefined;
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array.from({ length: missing }, () => 0), ...after];
}

function parseGroups(text: string): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (v4 !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = v4;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
    else return undefined;
  }
  return groups;
}
