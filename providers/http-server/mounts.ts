// The links of one address: where each is mounted, and what is being served for it.

import { PetioleError, type Clock, type LinkContext, type Millis } from "#provider";
import type { LinkConfig } from "./config.ts";
import { ANY_HOST, RouteTable } from "./routes.ts";
import type { Serving } from "./serve.ts";

export interface Mount {
  readonly link: LinkContext<LinkConfig>;
  /** Requests that it is serving, at all addresses. */
  readonly serving: Set<Serving>;
  /** Called when none is left. */
  onIdle: (() => void) | undefined;
}

export const createMount = (link: LinkContext<LinkConfig>): Mount => ({
  link,
  serving: new Set(),
  onIdle: undefined,
});

export interface Found {
  readonly mount: Mount;
  /** The path that led to it. */
  readonly path: string;
}

export interface Mounts {
  /**
   * Requests that fit go to `mount` from now on. Disposing the result ends that; those that come within the grace wait
   * for whoever takes the place.
   * @throws PetioleError ERR_LINK_INVALID when another link is there
   */
  add(mount: Mount): Disposable;
  /** Undefined when there is nothing, also after a wait. */
  find(host: string, path: string): Found | Promise<Found | undefined> | undefined;
  /** Nothing is mounted, and nobody waits. */
  isEmpty(): boolean;
  /** Nobody waits any more. */
  close(): void;
}

interface Place {
  readonly path: string;
  mount: Mount | undefined;
  /** Resolved when somebody took the place, or nobody did. */
  readonly taken: PromiseWithResolvers<Mount | undefined>;
}

export interface MountsDeps {
  readonly clock: Clock;
  readonly grace: Millis;
  /** For messages. */
  readonly address: string;
  /** The last place is gone. */
  readonly onEmpty: () => void;
}

export function createMounts({ clock, grace, address, onEmpty }: MountsDeps): Mounts {
  const table = new RouteTable<Place>();
  const closing = new AbortController();

  async function vacate(host: string, place: Place): Promise<void> {
    const vacant: Place = { path: place.path, mount: undefined, taken: Promise.withResolvers() };
    table.set(host, place.path, vacant);
    await clock.sleep(grace, closing.signal).catch(() => {});
    if (table.get(host, place.path) === vacant) table.delete(host, place.path);
    vacant.taken.resolve(undefined);
    if (table.isEmpty) onEmpty();
  }

  return {
    add(mount) {
      const { link } = mount;
      const { paths, hosts } = link.config;
      const wanted = (hosts.length === 0 ? [ANY_HOST] : hosts).flatMap((host) => paths.map((path) => ({ host, path })));
      for (const { host, path } of wanted) {
        const other = table.get(host, path)?.mount;
        if (other === undefined) continue;
        const where = `"${host}${path}" of ${address}`;
        const found = `component "${other.link.component}" is linked there already`;
        throw new PetioleError("ERR_LINK_INVALID", `Cannot link "${link.component}" to ${where}: ${found}`);
      }
      const places = wanted.map(({ host, path }) => {
        const place: Place = { path, mount, taken: Promise.withResolvers() };
        const vacant = table.get(host, path);
        table.set(host, path, place);
        vacant?.taken.resolve(mount);
        return { host, place };
      });
      return {
        [Symbol.dispose]: () => {
          for (const { host, place } of places) if (table.get(host, place.path) === place) void vacate(host, place);
        },
      };
    },

    find(host, path) {
      const place = table.match(host, path);
      if (place === undefined) return undefined;
      const { mount } = place;
      if (mount !== undefined) return { mount, path: place.path };
      return place.taken.promise.then((taken) =>
        taken === undefined ? undefined : { mount: taken, path: place.path },
      );
    },

    isEmpty: () => table.isEmpty,

    close: () => closing.abort(new Error("The address is closed")),
  };
}
