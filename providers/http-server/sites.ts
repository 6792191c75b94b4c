import { PetioleError } from "#provider";
import { openSite, type Shared, type Site } from "./site.ts";
import type { Credentials } from "./tls.ts";

const MOST_SITES = 16;

/** The addresses of one provider. */
export interface Sites extends AsyncDisposable {
  /**
   * Listens on an address until the result is disposed, and at least until nothing is mounted there any more.
   * @throws PetioleError ERR_PROVIDER_START
   */
  use(address: string): Promise<Disposable & { readonly site: Site }>;
  all(): readonly Site[];
}

interface Entry {
  readonly site: Promise<Site>;
  users: number;
}

export function createSites(shared: Shared, credentials: () => Credentials | undefined): Sites {
  const entries = new Map<string, Entry>();
  const open = new Set<Site>();
  const closing = new Set<Promise<void>>();

  async function close(site: Site): Promise<void> {
    open.delete(site);
    const closed = Promise.resolve(site[Symbol.asyncDispose]());
    closing.add(closed);
    await closed.finally(() => closing.delete(closed));
  }

  function closeUnused(address: string, entry: Entry, site: Site): void {
    if (entry.users > 0 || entries.get(address) !== entry || !site.mounts.isEmpty()) return;
    entries.delete(address);
    void close(site);
  }

  function make(address: string): Entry {
    if (entries.size >= MOST_SITES) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot listen on "${address}": there are ${MOST_SITES} addresses already`,
      );
    }
    const onEmpty = (): void => void made.site.then((site) => closeUnused(address, made, site));
    const made: Entry = { users: 0, site: openSite({ address, credentials: credentials(), shared, onEmpty }) };
    entries.set(address, made);
    made.site.then(
      (site) => open.add(site),
      () => {
        if (entries.get(address) === made) entries.delete(address);
      },
    );
    return made;
  }

  return {
    async use(address) {
      const entry = entries.get(address) ?? make(address);
      entry.users += 1;
      const site = await entry.site;
      return {
        site,
        [Symbol.dispose]: () => {
          entry.users -= 1;
          closeUnused(address, entry, site);
        },
      };
    },
    all: () => [...open],
    async [Symbol.asyncDispose]() {
      entries.clear();
      await Promise.all([...[...open].map(close), ...closing]);
    },
  };
}
