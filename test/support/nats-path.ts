import { createNatsPaths } from "../../src/adapters/lattice/nats-paths.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { NatsPaths } from "../../src/provider/services.ts";
import { waitFor } from "./wait-for.ts";

/** What a provider is lent of NATS, with a connection to `urls` as that to the hub. Resolves when it is connected. */
export async function openNatsPaths(...urls: readonly string[]): Promise<NatsPaths & AsyncDisposable> {
  const paths = createNatsPaths({ hub: undefined, name: "test", log: silentLogger, clock: systemClock });
  const hub = paths.open({ urls });
  await waitFor("a connection to NATS", () => hub.current());
  return {
    hub,
    open: (target) => paths.open(target),
    [Symbol.asyncDispose]: async () => await hub[Symbol.asyncDispose](),
  };
}
