// Where to listen: `host:port` or `unix:/path`.

const UNIX = "unix:";
const NETWORK = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/;

export type Address =
  | { readonly path: string; readonly host?: undefined; readonly port?: undefined }
  | { readonly path?: undefined; readonly host: string; readonly port: number };

/** Undefined when the text is none. */
function read(text: string): Address | undefined {
  if (text.startsWith(`${UNIX}/`)) return { path: text.slice(UNIX.length) };
  const [, host = "", port = ""] = NETWORK.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) return undefined;
  return { host: host.replaceAll(/[[\]]/g, ""), port: Number(port) };
}

export const isAddress = (text: string): boolean => read(text) !== undefined;

/** @throws Error when `isAddress` says no */
export function parseAddress(text: string): Address {
  const address = read(text);
  if (address === undefined) throw new Error(`Cannot listen on "${text}": want host:port or unix:/path`);
  return address;
}

/**
 * Whose connections count together: an IPv4 address, or the /64 of an IPv6 address, of which one client has all. Undefined
 * on a Unix socket.
 */
export function clientOf(remote: string | undefined): string | undefined {
  if (remote === undefined) return undefined;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remote)?.[1];
  if (mapped !== undefined || !remote.includes(":")) return mapped ?? remote;
  const [head = "", tail] = remote.split("%", 1)[0]?.split("::") ?? [];
  const groups = head.split(":").filter((group) => group !== "");
  const rest = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length);
  return [...groups, ...Array<string>(zeros).fill("0"), ...rest].slice(0, 4).join(":");
}
