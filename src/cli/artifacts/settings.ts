import { dirname, resolve } from "node:path";
import type { RegistryOptions } from "../../adapters/artifacts/oci/registry-client.ts";
import { registriesOf } from "../../daemon/artifacts.ts";
import { DEFAULT_CONFIG_FILE } from "../../config/default-file.ts";
import { loadConfig } from "../../config/load.ts";
import { configSchema, type Config } from "../../config/schema.ts";
import { parseReference, type ArtifactReference, type OciReference } from "../../domain/artifact-reference.ts";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";

/** Options of the commands that talk to registries. */
export interface RegistryCliOptions {
  readonly config: string;
  readonly dockerConfig?: string;
  readonly insecure?: true;
  readonly json?: true;
}

/**
 * The configuration, for its registries. A machine on which components are made need not have one.
 * @throws PetioleError ERR_CONFIG_UNREADABLE, ERR_CONFIG_INVALID
 */
export async function registryConfig(options: RegistryCliOptions, reference: ArtifactReference): Promise<Config> {
  const config = await loadConfig(options.config).then(
    (parsed) => parsed.config,
    (error: unknown) => {
      const absent = isPetioleError(error, "ERR_CONFIG_UNREADABLE") && isErrno(error.cause, "ENOENT");
      if (!absent || options.config !== DEFAULT_CONFIG_FILE) throw error;
      return configSchema(dirname(DEFAULT_CONFIG_FILE)).parse({ device: { id: "none" } });
    },
  );
  const { artifacts } = config;
  const registry = reference.kind === "oci" ? reference.registry : undefined;
  const known = registry === undefined ? undefined : artifacts.registries[registry];
  const registries =
    registry === undefined || options.insecure !== true
      ? artifacts.registries
      : { ...artifacts.registries, [registry]: { ...known, ca_file: undefined, insecure: true } };
  const dockerConfig = options.dockerConfig === undefined ? artifacts.docker_config : resolve(options.dockerConfig);
  return { ...config, artifacts: { ...artifacts, registries, docker_config: dockerConfig } };
}

/** How the registry of the reference is spoken with. */
export const registryOptions = (config: Config, { registry }: OciReference): RegistryOptions => ({
  settings: registriesOf(config)[registry] ?? {},
  dockerConfigFile: config.artifacts.docker_config,
  stall: config.artifacts.stall_timeout,
  env: process.env,
});

/** @throws PetioleError ERR_ARTIFACT_REFERENCE */
export function referenceArgument(text: string): ArtifactReference {
  const parsed = parseReference(text);
  if ("reference" in parsed) return parsed.reference;
  throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot use the reference: ${parsed.fault}`);
}

/** Aborts when the user wants to stop. */
export function interruption(): AbortSignal {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new PetioleError("ERR_ARTIFACT_UNREACHABLE", "Interrupted")));
  return stop.signal;
}
