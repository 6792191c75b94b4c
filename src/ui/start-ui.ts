import { randomBytes } from "node:crypto";
import { systemClock } from "../lib/clock.ts";
import { loadAssets, type Asset } from "./assets.ts";
import { parseListen, type ListenAddress } from "./listen-address.ts";
import { createObserver, type ObserverDeps } from "./observer.ts";
import { openUiServer } from "./server.ts";

export interface UiOptions {
  /** Path of the agent's control socket. The agent may be away, and come and go. */
  readonly socket: string;
  /** `127.0.0.1:PORT`, port 0 for any, or `unix:PATH`. */
  readonly listen: string;
  readonly clock?: ObserverDeps["clock"];
  /** Instead of those that belong to this program. */
  readonly assets?: ReadonlyMap<string, Asset>;
}

/** A live page that is being served. Disposing it ends that. */
export interface Ui extends AsyncDisposable {
  readonly address: ListenAddress;
  /** What to open. It lets in whoever has it: show it to the person who asked, and write it nowhere. */
  readonly url: string;
}

/**
 * Serves the live page of an agent.
 * @throws PetioleError ERR_UI_ADDRESS for an address that others could reach, ERR_UI_LISTEN when it cannot be had
 */
export async function startUi({ socket, listen, clock = systemClock, ...options }: UiOptions): Promise<Ui> {
  const wanted = parseListen(listen);
  const token = randomBytes(24).toString("base64url");
  await using stack = new AsyncDisposableStack();
  const observer = stack.use(createObserver({ socket, clock }));
  const assets = options.assets ?? (await loadAssets());
  const server = stack.use(await openUiServer({ listen: wanted, token, assets, observer }));
  const parts = stack.move();
  return {
    address: server.address,
    url: urlOf(server.address, token),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** The token is in the fragment, which browsers send to nobody. */
function urlOf(address: ListenAddress, token: string): string {
  // A socket is reached through a port of somebody's choice.
  if (address.kind === "unix") return `http://127.0.0.1:4880/#${token}`;
  return `http://${address.host === "::1" ? "[::1]" : address.host}:${address.port}/#${token}`;
}
