// A host with providers and one component, in this process, as the agent builds it.

import { fileURLToPath } from "node:url";
import { mebibytes, seconds } from "../../src/domain/units.ts";
import type { LinkSpec, ProviderSpec } from "../../src/domain/workload.ts";
import { createHost, type ProviderRegistry } from "../../src/host/host.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { HostServices } from "../../src/provider/services.ts";
import { openRuntime } from "../runtime/subject.ts";

export interface DeviceOptions {
  /** Name of a component of bench/components. */
  readonly component: string;
  readonly cacheDir: string;
  readonly registry: ProviderRegistry;
  readonly providers: readonly ProviderSpec[];
  readonly links: readonly Omit<LinkSpec, "name">[];
  readonly services?: Partial<HostServices>;
  readonly instances?: number;
}

export const componentFile = (name: string): string =>
  fileURLToPath(new URL(`../components/build/${name}.wasm`, import.meta.url));

/** Resolves when everything runs. */
export async function openDevice(options: DeviceOptions): Promise<AsyncDisposable> {
  const { component, cacheDir, registry, providers, links, services = {}, instances = 1 } = options;
  await using stack = new AsyncDisposableStack();
  const runtime = stack.use(openRuntime(cacheDir));
  const host = stack.use(
    // What the providers here do not ask for is not there.
    createHost({ runtime, registry, services: services as HostServices, clock: systemClock, log: silentLogger }),
  );
  await host.apply({
    components: [
      {
        id: component,
        file: componentFile(component),
        config: {},
        env: {},
        limits: {
          deadline: seconds(120),
          memory: mebibytes(32),
          table: 100_000,
          queue: 1000,
          instances,
          cpu: 1,
          logRate: 50,
        },
        recycling: {},
        isolation: "shared",
        grants: { folders: [], network: [] },
      },
    ],
    providers,
    links: links.map((link) => ({ name: "default", ...link })),
  });
  const status = host.status();
  const broken = [...status.components, ...status.providers, ...status.links].find(
    ({ state }) => state !== "running" && state !== "bound",
  );
  if (broken !== undefined) throw new Error(`Cannot measure: ${JSON.stringify(broken)}`);
  const owned = stack.move();
  return { [Symbol.asyncDispose]: async () => await owned.disposeAsync() };
}
