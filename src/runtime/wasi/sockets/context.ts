// What all sockets of an instance share: what it may reach, and how much it may have open.

import { parseNetworkGrants, type NetworkGrants } from "../network-grants.ts";
import type { Suspend } from "../waiting.ts";
import type { Endpoint } from "./addresses.ts";
import { NetworkError } from "./errors.ts";

/** Sockets, accepted connections and look-ups of one instance at a time. */
export const MAX_SOCKETS = 32;
/** Addresses whose names are remembered; the oldest is forgotten. */
export const MAX_RESOLVED = 1024;
/** Names that are remembered of one address; the oldest is forgotten. */
export const MAX_NAMES = 16;

/** Disposing it closes everything that is open. */
export class SocketContext implements Disposable {
  readonly suspend: Suspend;
  readonly #entries: readonly string[];
  readonly #open = new Set<() => void>();
  /** Names that an address was found by. */
  readonly #names = new Map<string, Set<string>>();
  #grants: NetworkGrants | undefined;
  #disposed = false;

  constructor(suspend: Suspend, granted: readonly string[]) {
    this.suspend = suspend;
    this.#entries = granted;
  }

  /** Counts something as open; `abort` ends it at once when the instance is gone. Returns what takes it off. */
  open(abort: () => void): () => void {
    if (this.#disposed || this.#open.size >= MAX_SOCKETS) throw new NetworkError("new-socket-limit");
    const key = (): void => abort();
    this.#open.add(key);
    return () => this.#open.delete(key);
  }

  /** True when nothing more can be opened. */
  get full(): boolean {
    return this.#open.size >= MAX_SOCKETS;
  }

  mayLookUp(name: string): boolean {
    return this.#allowed.allowsName(name);
  }

  /** Remembers which addresses a name has; returns those that it may be reached at. `addresses` are in one spelling. */
  resolved(name: string, addresses: readonly string[]): readonly string[] {
    const allowed = addresses.filter((address) => this.#allowed.allowsAddress(name, address));
    for (const address of allowed) {
      const names = this.#names.get(address) ?? new Set();
      names.delete(name);
      trim(names.add(name), MAX_NAMES);
      this.#names.delete(address);
      this.#names.set(address, names);
    }
    trim(this.#names, MAX_RESOLVED);
    return allowed;
  }

  /** An address is reachable when it is granted itself, or was found by a name that is. */
  mayReach({ address, port }: Endpoint): boolean {
    if (this.#allowed.allows(address, port)) return true;
    return [...(this.#names.get(address) ?? [])].some((name) => this.#allowed.allows(name, port));
  }

  mayListen(port: number): boolean {
    return this.#allowed.allowsListening(port);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    const aborts = [...this.#open];
    this.#open.clear();
    for (const abort of aborts) abort();
  }

  get #allowed(): NetworkGrants {
    return (this.#grants ??= parseNetworkGrants(this.#entries));
  }
}

/** Leaves the last `count`. */
function trim(entries: Map<string, unknown> | Set<string>, count: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= count) return;
    entries.delete(key);
  }
}
