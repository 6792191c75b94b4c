import { join } from "node:path";
import { localLinks } from "../adapters/lattice/executable/local-links.ts";
import { openExecutables, type Executables } from "../adapters/lattice/executable/provider.ts";
import type { LatticeHost } from "../adapters/lattice/wasmcloud/lattice-host.ts";
import type { Config } from "../config/schema.ts";
import { PetioleError } from "../domain/errors.ts";
import type { WantedState } from "../domain/workload.ts";
import type { ExecutableTrustCheck, RemoteEnds } from "../host/ports.ts";
import type { Secrets } from "../host/secrets.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import type { HubPath } from "./hub.ts";

export interface DeviceExecutablesDeps {
  readonly config: Config;
  readonly path: HubPath | undefined;
  /** Known once the device has joined its lattice, which is before anything is started. */
  readonly lattice: () => LatticeHost | undefined;
  /** What the device itself wants. */
  readonly below: () => WantedState;
  readonly trust: ExecutableTrustCheck | undefined;
  readonly remote: RemoteEnds | undefined;
  readonly secrets: Secrets;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What processes get of the agent's environment. */
const PASSED_ON = /^(?:RUST_LOG|OTEL_[A-Z_]+)$/;

/** Undefined when the configuration has no lattice: nobody could talk to such providers. @throws PetioleError ERR_STORE_OPEN */
export async function openDeviceExecutables(deps: DeviceExecutablesDeps): Promise<Executables | undefined> {
  const { config, path, lattice, below, trust, remote, secrets, env, clock, log } = deps;
  if (config.lattice === undefined || path === undefined || remote === undefined) return undefined;
  const { name, executables } = config.lattice;
  const joined = (): LatticeHost => {
    const found = lattice();
    if (found === undefined)
      throw new PetioleError("ERR_INVARIANT", "A provider is started before the lattice is there");
    return found;
  };
  const folder = join(config.state_dir, "executables");
  try {
    return await openExecutables({
      folder,
      lattice: name,
      connection: path.connection,
      host: () => joined().hostId,
      login: () => path.login(executables.credentials_file),
      settings: (id) => {
        const { config: named, links } = joined().settings(id);
        return { config: named, links: [...localLinks(id, below().links), ...links] };
      },
      trust,
      remote,
      secrets,
      env: Object.fromEntries(
        Object.entries(env).flatMap(([key, value]) =>
          value !== undefined && PASSED_ON.test(key) ? [[key, value]] : [],
        ),
      ),
      logLevel: config.log.level,
      stopDelay: executables.stop_delay,
      maxSize: executables.max_size,
      arch: process.arch,
      clock,
      log,
    });
  } catch (cause) {
    throw new PetioleError("ERR_STORE_OPEN", `Cannot use the folder "${folder}": ${reasonOf(cause)}`, { cause });
  }
}
