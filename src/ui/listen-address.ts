import { PetioleError } from "../domain/errors.ts";

/** Where the live page is served. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: "127.0.0.1" | "::1"; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** A port that stays the same makes `ssh -L` easy to remember. */
export const DEFAULT_LISTEN = "127.0.0.1:4880";

const HOSTS: Readonly<Record<string, "127.0.0.1" | "::1">> = {
  "127.0.0.1": "127.0.0.1",
  localhost: "127.0.0.1",
  "::1": "::1",
};

/**
 * What `--listen` says. Whoever can connect sees the page's login at least, so that it is never open to a network.
 * @throws PetioleError ERR_UI_ADDRESS
 */
export function parseListen(text: string): ListenAddress {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length);
    // The kernel's own bound, with the zero at the end.
    if (path === "" || Buffer.byteLength(path) > 107 || path.includes("\0")) {
      throw new PetioleError("ERR_UI_ADDRESS", `Cannot serve the page on "${text}": want a path of 1 to 107 bytes`);
    }
    return { kind: "unix", path };
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const name = bracketed ?? plain;
  const port = Number(digits);
  if (name === undefined || port > 65_535) {
    throw new PetioleError("ERR_UI_ADDRESS", `Cannot serve the page on "${text}": want 127.0.0.1:PORT or unix:PATH`);
  }
  const host = Object.hasOwn(HOSTS, name) ? HOSTS[name] : undefined;
  if (host !== undefined) return { kind: "tcp", host, port };
  throw new PetioleError(
    "ERR_UI_ADDRESS",
    `Cannot serve the page on "${text}": it is for this machine alone. To look at it from another one, leave it on ` +
      `127.0.0.1:${port} and connect with: ssh -L ${port}:127.0.0.1:${port} USER@THIS-MACHINE`,
  );
}
