import { join } from "node:path";
import { rm } from "node:fs/promises";
import { PetioleError } from "../../../domain/errors.ts";
import { seconds, type Bytes, type Millis } from "../../../domain/units.ts";
import { unversioned } from "../../../domain/wit-name.ts";
import type { ProviderId } from "../../../domain/workload.ts";
import type { ExecutableTrustCheck, RemoteEnds, TrustDecision } from "../../../host/ports.ts";
import type { Secrets } from "../../../host/secrets.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { LogLevel, Logger } from "../../../lib/log.ts";
import type { CapabilityCall, LinkContext, Provider, ProviderFactory } from "../../../provider/contract.ts";
import { parseProviderConfig } from "../../../provider/parse-config.ts";
import type { LatticeConnection } from "../connection.ts";
import type { RpcLogin } from "./host-data.ts";
import type { ProviderSettings } from "../wasmcloud/lattice-host.ts";
import { keepProvider, type KeptProvider } from "./keep-provider.ts";
import { machineOf } from "./machine.ts";
import { executableConfig, executableLinkConfig, type ExecutableConfig } from "./provider-config.ts";
import { clearExecutables, RECORD_SUFFIX } from "./stale-processes.ts";
import { unpackExecutable, type Unpacked } from "./unpack.ts";

export interface ExecutablesDeps {
  /** Of executables alone; emptied when it is opened. */
  readonly folder: string;
  readonly lattice: string;
  readonly connection: LatticeConnection;
  /** Public key of this host. */
  readonly host: () => string;
  readonly login: () => Promise<RpcLogin>;
  readonly settings: (provider: ProviderId) => ProviderSettings;
  readonly trust: ExecutableTrustCheck | undefined;
  /** The way of a component's calls to the process. */
  readonly remote: Pick<RemoteEnds, "call">;
  readonly secrets: Pick<Secrets, "get" | "watch"> | undefined;
  /** All that processes have as their environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logLevel: LogLevel;
  readonly stopDelay: Millis;
  readonly maxSize: Bytes;
  /** As Node names it. */
  readonly arch: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The providers of this device that are processes of their own. */
export interface Executables {
  readonly factory: ProviderFactory;
  /** What `settings` gives may be something else now. */
  refresh(): void;
}

/** Ends what an earlier agent left behind. @throws what the file system fails with */
export async function openExecutables(deps: ExecutablesDeps): Promise<Executables> {
  await clearExecutables(deps.folder, deps.clock, deps.log);
  const running = new Set<KeptProvider>();
  return {
    factory: ({ id, log }) => createExecutableProvider(id, { ...deps, log, running }),
    refresh: () => {
      for (const kept of running) kept.refresh();
    },
  };
}

/** Where there is no lattice, nobody could talk to such a provider. Its configuration can be checked all the same. */
export const idleExecutables: ProviderFactory = ({ id }) => createExecutableProvider(id, undefined);

interface ProviderDeps extends ExecutablesDeps {
  readonly running: Set<KeptProvider>;
}

interface Started {
  readonly kept: KeptProvider;
  readonly unpacked: Unpacked;
  readonly trust: TrustDecision | undefined;
}

/** A process usually listens within a moment; a component that calls at once waits so long for it. */
const READY_LIMIT = seconds(2);
/** A component has a deadline of its own, which is mostly shorter. */
const CALL_LIMIT = seconds(60);

function createExecutableProvider(
  id: ProviderId,
  deps: ProviderDeps | undefined,
): Provider<ExecutableConfig, Readonly<Record<string, unknown>>> {
  let started: Started | undefined;
  let file: string | undefined;

  async function prepare(
    { folder, arch, maxSize, trust }: ProviderDeps,
    { file: source, digest, signed_name: signedName }: ExecutableConfig,
    signal: AbortSignal,
  ): Promise<Pick<Started, "unpacked" | "trust"> & { readonly into: string }> {
    const machine = machineOf(arch);
    if (machine === undefined || source === undefined) {
      throw new PetioleError("ERR_EXECUTABLE_TARGET", `Cannot start provider "${id}": nothing is there for "${arch}"`);
    }
    let decision: TrustDecision | undefined;
    const into = join(folder, id);
    const unpacked = await unpackExecutable(
      {
        source,
        into,
        machine,
        maxSize,
        digest,
        verify: async ({ digest: found, size, hash, claims }) => {
          const named = claims === undefined ? undefined : { token: claims.token, target: machine.target, hash };
          decision = await trust?.checkExecutable({ id, file: source, signedName, digest: found, size, claims: named });
        },
      },
      signal,
    );
    return { unpacked, trust: decision, into };
  }

  return {
    id,
    serves: "anything",
    calls: "anything",
    bindsElsewhere: true,
    parseConfig: (raw) => parseProviderConfig(`provider "${id}"`, executableConfig, raw),
    parseLinkConfig: (raw) => parseProviderConfig(`a link of provider "${id}"`, executableLinkConfig, raw),

    async start(config, signal) {
      if (deps === undefined) {
        throw new PetioleError(
          "ERR_PROVIDER_CONFIG",
          `Cannot start provider "${id}": one that is an executable needs a hub and a lattice block`,
        );
      }
      signal.throwIfAborted();
      const { unpacked, trust, into } = await prepare(deps, config, signal);
      file = into;
      const settings = (): ProviderSettings => {
        const { config: named, links } = deps.settings(id);
        return { config: config.config ?? named, links };
      };
      const kept = await keepProvider({
        ...deps,
        id,
        file: into,
        record: `${into}${RECORD_SUFFIX}`,
        settings,
        given: config.secrets,
        host: deps.host(),
      });
      deps.running.add(kept);
      started = { kept, unpacked, trust };
      await trust?.confirm();
    },

    async bind(link) {
      const now = started;
      if (now === undefined || deps === undefined) {
        throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot link "${id}": it is not running`);
      }
      // What the link is, the settings say; the process hears of it there.
      now.kept.refresh();
      return {
        functions: callProcess(id, link, now.kept, deps.remote),
        [Symbol.asyncDispose]: async () => now.kept.refresh(),
      };
    },

    report() {
      if (started === undefined) return undefined;
      const { kept, unpacked, trust } = started;
      return {
        ...kept.report(),
        digest: unpacked.digest,
        trust: trust?.shown,
        name: unpacked.claims?.name,
        revision: unpacked.claims?.revision,
      };
    },

    async [Symbol.asyncDispose]() {
      const now = started;
      started = undefined;
      if (now !== undefined) {
        deps?.running.delete(now.kept);
        await now.kept[Symbol.asyncDispose]();
      }
      if (file !== undefined) await rm(file, { force: true });
    },
  };
}

/** What a component imports is served by the process over NATS, as if it were on another host. */
function callProcess(
  id: ProviderId,
  { component, linkName, shapes }: Pick<LinkContext<unknown>, "component" | "linkName" | "shapes">,
  kept: KeptProvider,
  remote: Pick<RemoteEnds, "call">,
): CapabilityCall {
  return async (interfaceName, functionName, args) => {
    const shape = shapes().find(({ name }) => unversioned(name) === interfaceName);
    const type = shape?.functions.find(({ name }) => name === functionName)?.type;
    if (shape === undefined || type === undefined) {
      throw new PetioleError(
        "ERR_LINK_INVALID",
        `Cannot call "${functionName}" of ${interfaceName} at "${id}" for "${component}": its types are not known`,
      );
    }
    await kept.ready(READY_LIMIT);
    const called = { source: component, linkName, target: id, interfaceName: shape.name, functionName, type };
    return await remote.call(called, args, CALL_LIMIT);
  };
}
