import { PROVIDERS } from "../../providers/index.ts";
import type { LatticeItems, ProviderOrigin } from "../adapters/lattice/wasmcloud/items.ts";
import { platformLabels } from "../adapters/lattice/wasmcloud/inventory.ts";
import { openLatticeHost, type LatticeHost } from "../adapters/lattice/wasmcloud/lattice-host.ts";
import { desiredStateOf } from "../config/desired-state.ts";
import { documentSchema, type Config } from "../config/schema.ts";
import { isPetioleError } from "../domain/errors.ts";
import { VERSION } from "../domain/version.ts";
import type { WantedComponent, WantedState } from "../domain/workload.ts";
import type { Host } from "../host/host.ts";
import type { StateStore } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Desired } from "./desired.ts";
import type { HubPath } from "./hub.ts";
import { componentSource, providerSource, type ComponentSource } from "./lattice-references.ts";
import { secretRule } from "./lattice-secrets.ts";
import { EXECUTABLE } from "./provider-types.ts";

export interface JoinLatticeDeps {
  readonly config: Config;
  readonly path: HubPath | undefined;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly desired: Pick<Desired, "below" | "isStale" | "refresh">;
  readonly annotations: (id: string) => Readonly<Record<string, string>>;
  readonly host: Pick<Host, "status" | "updates"> & AsyncDisposable;
  /** What provider processes are to know may be something else now. */
  readonly onSettings: () => void;
  readonly end: () => void;
}

/** More make no sense on a device; the lattice is told the number that it asked for. */
const MOST_INSTANCES = 1000;

/** Undefined when the configuration has no lattice. @throws PetioleError ERR_STORE_FAILED */
export async function joinLattice(deps: JoinLatticeDeps): Promise<LatticeHost | undefined> {
  const { config, path, state, clock, log, desired, annotations, host, onSettings, end } = deps;
  const { lattice } = config;
  if (lattice === undefined || path === undefined) return undefined;
  const { from_outside: allowed, folder } = lattice.executables;
  const originOf = (reference: string): ProviderOrigin => {
    const source = providerSource(reference, PROVIDERS, { allowed, folder });
    if ("type" in source) return { kind: "own", type: source.type };
    const executable = { kind: "executable", type: EXECUTABLE } as const;
    return "file" in source
      ? { ...executable, config: { file: source.file } }
      : { ...executable, config: {}, image: { reference: source.image, pull: "missing" } };
  };
  return await openLatticeHost({
    lattice: lattice.name,
    device: config.device.id,
    version: VERSION,
    labels: { ...platformLabels(process), ...lattice.labels },
    heartbeat: lattice.heartbeat,
    ...path,
    state,
    clock,
    log,
    below: () => desired.below(),
    annotations,
    isStale: () => desired.isStale(),
    apply: () => desired.refresh(),
    running: () => host.status(),
    onUpdate: (listener) => host.updates.onOutcome(listener),
    componentProblem: (reference) => problemOf(() => componentSource(reference, lattice.components_folder)),
    providerProblem: (reference) => problemOf(() => originOf(reference)),
    providerOrigin: (reference) =>
      problemOf(() => originOf(reference)) === undefined ? originOf(reference) : undefined,
    secretRule: secretRule(config, { outside: true }),
    onSettings,
    stopWorkloads: async () => await host[Symbol.asyncDispose](),
    end,
  });
}

/** Why a reference cannot be used; undefined when it can. */
function problemOf(use: () => unknown): string | undefined {
  try {
    use();
    return undefined;
  } catch (error) {
    if (isPetioleError(error, "ERR_LATTICE_REFERENCE")) return error.message;
    throw error;
  }
}

/** What the lattice wants, in the model that every front end uses. Its components get the limits that a file's get unasked. */
export function latticeDesired(
  items: LatticeItems,
  folder: string | undefined,
  update?: NonNullable<Config["lattice"]>["update"],
): WantedState {
  return {
    components: items.components.flatMap(
      ({ id, reference, count, config, secrets = {}, digest }): WantedComponent[] => {
        let source: ComponentSource;
        try {
          source = componentSource(reference, folder);
        } catch {
          // The configuration file has another folder now than when the component was accepted.
          return [];
        }
        const most = Math.min(count, MOST_INSTANCES);
        const raw = {
          components: { [id]: { ...source, ...(digest !== undefined && { digest }), config, max_instances: most } },
        };
        const { components, ...rest } = documentSchema("/").parse(raw);
        // Read already, it cannot be read again.
        const own = mapValues(components, (spec) => ({ ...spec, update: update ?? spec.update }));
        return desiredStateOf({ ...rest, components: own }).components.map((spec) => ({
          ...spec,
          links: "late" as const,
          ...(Object.keys(secrets).length > 0 && { secrets }),
        }));
      },
    ),
    providers: items.providers,
    links: items.links,
  };
}

const mapValues = <T>(entries: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> =>
  Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, change(value)]));
