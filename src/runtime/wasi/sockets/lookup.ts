// wasi:sockets/ip-name-lookup: only names that are granted are looked up.

import { err, ok } from "../result.ts";
import { Pollable, Signal } from "../waiting.ts";
import { addressText, parseAddress, type IpAddress } from "./addresses.ts";
import type { SocketContext } from "./context.ts";
import { networkErrorCodeOf, type NetworkErrorCode, NetworkError, type NetworkResult } from "./errors.ts";

/** Longest name that DNS knows. */
const MAX_NAME = 253;

type Outcome = { readonly left: IpAddress[] } | { readonly error: NetworkErrorCode };

/** All addresses of a name, as `dns.lookup` finds them. */
export type Resolver = (name: string) => Promise<readonly string[]>;

export class ResolveAddressStream implements Disposable {
  readonly #context: SocketContext;
  readonly #changed = new Signal();
  readonly #done: () => void;
  #outcome: Outcome | undefined;

  /** @throws NetworkError when the name may not be looked up */
  constructor(context: SocketContext, name: string, resolve: Resolver) {
    this.#context = context;
    const literal = parseAddress(name);
    if (literal !== undefined) {
      this.#outcome = { left: [literal] };
      this.#done = () => {};
      return;
    }
    if (name === "" || name.length > MAX_NAME) throw new NetworkError("invalid-argument");
    if (!context.mayLookUp(name)) throw new NetworkError("access-denied");
    this.#done = context.open(() => {});
    void this.#resolve(name, resolve);
  }

  resolveNextAddress(): NetworkResult<IpAddress | undefined> {
    const outcome = this.#outcome;
    if (outcome === undefined) return err("would-block");
    return "error" in outcome ? err(outcome.error) : ok(outcome.left.shift());
  }

  subscribe(): Pollable {
    return new Pollable(this.#context.suspend, {
      ready: () => this.#outcome !== undefined,
      subscribe: (wake) => this.#changed.subscribe(wake),
    });
  }

  [Symbol.dispose](): void {
    this.#done();
  }

  async #resolve(name: string, resolve: Resolver): Promise<void> {
    try {
      const found = (await resolve(name)).map(parseAddress).filter((one) => one !== undefined);
      const reachable = new Set(this.#context.resolved(name, found.map(addressText)));
      const left = found.filter((one) => reachable.has(addressText(one)));
      // Names that lead only to where no name may lead: see network-grants.ts.
      this.#outcome = left.length === 0 ? { error: "access-denied" } : { left };
    } catch (error) {
      this.#outcome = { error: networkErrorCodeOf(error) };
    } finally {
      this.#done();
    }
    this.#changed.notify();
  }
}

export const systemResolver: Resolver = async (name) => {
  const { lookup } = process.getBuiltinModule("node:dns/promises");
  return (await lookup(name, { all: true, order: "verbatim" })).map((one) => one.address);
};
