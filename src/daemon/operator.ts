import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createContact } from "../adapters/lattice/operator/contact.ts";
import { createFolders } from "../adapters/lattice/operator/folders.ts";
import { createOperatorHost, type OperatorHost } from "../adapters/lattice/operator/operator-host.ts";
import { newestHosts } from "../adapters/lattice/operator/shared-hosts.ts";
import type { ResolvedImage, Surroundings, Translation } from "../adapters/lattice/operator/translate.ts";
import { createWorkloadStore } from "../adapters/lattice/operator/workload-store.ts";
import { createWorkloads, type WantedImage, type Workloads } from "../adapters/lattice/operator/workloads.ts";
import { desiredStateOf } from "../config/desired-state.ts";
import { documentSchema, type Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import { bytes } from "../domain/units.ts";
import { VERSION } from "../domain/version.ts";
import type { WantedComponent, WantedState } from "../domain/workload.ts";
import type { Host } from "../host/host.ts";
import type { Artifacts, StateStore } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { inspectComponent } from "../runtime/binary/component-binary.ts";
import type { Desired } from "./desired.ts";
import { createMachineFacts, ownAddress } from "./host-facts.ts";
import type { HubPath } from "./hub.ts";

type OperatorConfig = NonNullable<Config["operator"]>;

export interface JoinOperatorDeps {
  readonly config: Config;
  readonly path: HubPath | undefined;
  readonly state: StateStore;
  readonly artifacts: Artifacts;
  readonly builtin: ReadonlySet<string>;
  readonly desired: Pick<Desired, "below" | "refresh">;
  readonly host: Pick<Host, "status">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the daemon needs of a device that is a host for the operator. */
export interface JoinedOperator {
  readonly host: OperatorHost;
  readonly workloads: Workloads;
  /** What it wants, besides what the device does. */
  readonly desired: () => WantedState;
}

/** Undefined when the configuration has no operator. @throws PetioleError ERR_STORE_FAILED */
export async function joinOperator(deps: JoinOperatorDeps): Promise<JoinedOperator | undefined> {
  const { config, path, state, artifacts, builtin, desired, host, clock, log } = deps;
  const { operator } = config;
  if (operator === undefined || path === undefined) return undefined;
  const contact = createContact();
  const volumesFolder = join(config.state_dir, "volumes");
  const hostPaths = operator.host_paths;
  const workloads = createWorkloads({
    store: createWorkloadStore(state, log),
    folders: createFolders({ volumesFolder, hostPaths }),
    contact,
    around: surroundings({ builtin, httpListen: operator.http_listen, hostPaths, volumesFolder }, desired),
    resolve: (image, signal) => resolveImage(image, artifacts, signal),
    running: () => host.status(),
    apply: () => desired.refresh(),
    clock,
    log,
  });
  await workloads.load();
  return {
    workloads,
    desired: () => operatorDesired(workloads.translations(), operator),
    host: createOperatorHost({
      ...hostFacts(config, operator),
      workloads,
      contact,
      connection: path.connection,
      monitor: path.monitor,
      clock,
      log,
    }),
  };
}

function hostFacts(config: Config, operator: OperatorConfig) {
  const machine = createMachineFacts();
  const startedAt = new Date();
  const listen = operator.http_listen;
  const httpPort = listen === undefined ? 0 : (operator.http_port ?? Number(listen.slice(listen.lastIndexOf(":") + 1)));
  return {
    hostId: operator.host_id ?? config.device.id,
    name: operator.name ?? objectNameOf(config.device.id),
    heartbeat: operator.heartbeat,
    orphansAfter: operator.orphans_after === "never" ? undefined : operator.orphans_after,
    facts: () => ({
      hostname: operator.hostname ?? ownAddress(),
      version: VERSION,
      labels: { hostgroup: "default", ...operator.labels },
      environment: operator.environment,
      startedAt,
      httpPort,
      ...machine(),
    }),
  };
}

/** A device's name is nearly one of Kubernetes. */
const objectNameOf = (device: string): string => device.toLowerCase().replaceAll("_", "-").replace(/-+$/, "");

/** The same object until what the device itself wants is another. */
function surroundings(
  fixed: Omit<Surroundings, "providers" | "natsProviders">,
  desired: Pick<Desired, "below">,
): () => Surroundings {
  let below: WantedState | undefined;
  let known: Surroundings = { ...fixed, providers: new Set(), natsProviders: new Set() };
  return () => {
    const now = desired.below();
    if (now !== below) {
      below = now;
      const ids = (found: typeof now.providers): ReadonlySet<string> => new Set(found.map(({ id }) => id));
      const nats = now.providers.filter(({ type }) => type === "messaging-nats");
      known = { ...fixed, providers: ids(now.providers), natsProviders: ids(nats) };
    }
    return known;
  };
}

async function resolveImage(
  { component, reference, policy }: WantedImage,
  artifacts: Artifacts,
  signal: AbortSignal,
): Promise<ResolvedImage> {
  const request = { component, reference };
  const here = policy === "IMAGE_PULL_POLICY_ALWAYS" ? undefined : await artifacts.recall(request, signal);
  if (here === undefined && policy === "IMAGE_PULL_POLICY_NEVER") {
    const found = `Cannot use "${reference}": it is not on the device, and its pull policy is Never`;
    throw new PetioleError("ERR_ARTIFACT_NOT_FOUND", found);
  }
  const { content, file } = here ?? (await artifacts.fetch(request, signal));
  const { imports, exports } = inspectComponent(await readFile(file, { signal }), reference);
  return {
    content,
    // Interfaces that only lend their types need nobody to serve them.
    imports: imports.filter(({ functions }) => functions.length > 0).map(({ name }) => name),
    exports: exports.map(({ name }) => name),
  };
}

/** What the operator wants, in the model that every front end uses. Its components have most limits that a file's get unasked. */
function operatorDesired(translations: readonly Translation[], operator: OperatorConfig): WantedState {
  const { memory: most, deadline } = operator;
  const providers = new Map(translations.flatMap((one) => one.providers).map((provider) => [provider.id, provider]));
  return {
    components: translations.flatMap(({ components }) =>
      components.map((component): WantedComponent => {
        const raw = { components: { [component.id]: { image: component.image } } };
        const [spec] = desiredStateOf(documentSchema("/").parse(raw)).components;
        if (spec?.image === undefined) throw new PetioleError("ERR_INVARIANT", `Cannot use "${component.image}"`);
        const { digest, name, config, env, memory, instances, recycleCalls, folders, network } = component;
        return {
          ...spec,
          digest,
          signedName: name,
          config,
          env,
          limits: { ...spec.limits, deadline, instances, memory: memory === undefined ? most : bytes(memory) },
          recycling: recycleCalls === undefined ? {} : { calls: recycleCalls },
          grants: { folders, network },
        };
      }),
    ),
    providers: [...providers.values()],
    links: newestHosts(translations.flatMap(({ links }) => links)),
  };
}
