import { join } from "node:path";
import { createArtifactStore, type ArtifactStore } from "../adapters/artifacts/artifact-store.ts";
import type { RegistrySettings } from "../adapters/artifacts/oci/credentials.ts";
import type { WantedContent } from "../adapters/artifacts/oci/manifest.ts";
import { openArtifactSource } from "../adapters/artifacts/open-source.ts";
import type { ArtifactSource } from "../adapters/artifacts/source.ts";
import type { Config } from "../config/schema.ts";
import type { ArtifactReference } from "../domain/artifact-reference.ts";
import { PetioleError } from "../domain/errors.ts";
import type { LinkEnd } from "../domain/workload.ts";
import type { ArtifactKind, ObjectReader, VerifyArtifact } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { MAX_COMPONENT_SIZE } from "../runtime/prepare/size-limits.ts";

export type ArtifactsConfig = Pick<Config, "state_dir" | "artifacts" | "lattice">;

export interface ArtifactsDeps {
  readonly config: ArtifactsConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly objects: ObjectReader;
  /** Credentials that came with a component, for its image alone. */
  readonly pullSecret?: ((component: LinkEnd) => PullSecret | undefined) | undefined;
  /** Credentials for a registry that the configuration has none for, by its host name. */
  readonly registryLogin?: ((registry: string) => PullSecret | undefined) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PullSecret {
  readonly user: string;
  readonly password: string;
}

/** Where trust is decided: every artifact passes here before it is used. Nothing is asked of them yet. */
const verifyArtifact: VerifyArtifact = async () => {};

export const artifactsFolder = (config: Pick<Config, "state_dir">): string => join(config.state_dir, "artifacts");

/** The artifacts of a device, in its state folder: a device that boots without a network needs them. */
export function openArtifacts({ config, env, objects, clock, log, ...logins }: ArtifactsDeps): ArtifactStore {
  const { max_size: maxSize, stall_timeout: stall, docker_config: dockerConfigFile } = config.artifacts;
  const registries = registriesOf(config);

  function withLogin(registry: string, component: LinkEnd | undefined): Record<string, RegistrySettings> {
    const own = registries[registry];
    const isConfigured = own?.user !== undefined || own?.tokenFile !== undefined;
    const secret = component === undefined ? undefined : logins.pullSecret?.(component);
    const login = secret ?? (isConfigured ? undefined : logins.registryLogin?.(registry));
    return login === undefined ? registries : { ...registries, [registry]: { ...own, ...login } };
  }

  return createArtifactStore({
    folder: artifactsFolder(config),
    maxSize,
    maxArtifact: MAX_COMPONENT_SIZE,
    stall,
    ...(config.lattice === undefined ? {} : { maxExecutable: config.lattice.executables.max_size }),
    openSource: (reference, kind, component) => {
      const known = reference.kind === "oci" ? withLogin(reference.registry, component) : registries;
      const options = { registries: known, dockerConfigFile, stall, env, objects };
      return openArtifactSource(reference, options, wantedOf(kind));
    },
    verify: verifyArtifact,
    clock,
    log,
  });
}

/** Where a release of petiole comes from. */
export function openReleaseSource(
  reference: ArtifactReference,
  { config, env, objects }: Pick<ArtifactsDeps, "config" | "env" | "objects">,
): ArtifactSource {
  const { stall_timeout: stall, docker_config: dockerConfigFile } = config.artifacts;
  const settings = { registries: registriesOf(config), dockerConfigFile, stall, env, objects };
  return openArtifactSource(reference, settings, wantedOf("executable"));
}

/** Of several architectures in an image, the one that is Node's. */
const wantedOf = (kind: ArtifactKind): WantedContent =>
  kind === "component" ? { kind } : { kind, architecture: process.arch === "x64" ? "amd64" : process.arch };

const agentOnly = (bucket: string, name: string): never => {
  throw new PetioleError(
    "ERR_ARTIFACT_REFERENCE",
    `Cannot pull "nats-object://${bucket}/${name}": only the agent reads object stores; \`nats object get\` does as well`,
  );
};

/** For the command line, which has no connection to the hub: in leaf mode only the agent may log in at the local server. */
export const agentOnlyObjects: ObjectReader = {
  find: async (bucket, name) => agentOnly(bucket, name),
  read: async (bucket, { id }) => agentOnly(bucket, id),
};

export function registriesOf({ artifacts }: ArtifactsConfig): Record<string, RegistrySettings> {
  return Object.fromEntries(
    Object.entries(artifacts.registries).map(([host, settings]) => [
      host,
      {
        user: settings.user,
        passwordFile: settings.password_file,
        tokenFile: settings.token_file,
        caFile: settings.ca_file,
        insecure: settings.insecure,
      },
    ]),
  );
}
