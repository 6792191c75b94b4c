import { readFile } from "node:fs/promises";
import { createBucketSecrets } from "../adapters/lattice/secrets/bucket.ts";
import { recallSecretsIdentity, type SecretsIdentity } from "../adapters/lattice/secrets/identity.ts";
import { createServiceSecrets } from "../adapters/lattice/secrets/service.ts";
import { createFileSecrets } from "../adapters/secrets/files.ts";
import type { Config } from "../config/schema.ts";
import { defaultBackend, secretBackends, SECRETS_PREFIX } from "../config/secret-backends.ts";
import { PetioleError } from "../domain/errors.ts";
import { minutes, seconds, type Millis } from "../domain/units.ts";
import type { ComponentId } from "../domain/workload.ts";
import type { SecretBackend, StateStore } from "../host/ports.ts";
import { createSecrets, type Secrets } from "../host/secrets.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Redactor } from "../lib/redactor.ts";
import type { NatsPath } from "../provider/services.ts";
import { findTokens } from "../trust/wasm-tokens.ts";
import { LATTICE_BACKEND } from "./lattice-secrets.ts";

export interface OpenSecretsDeps {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
  /** At the hub. */
  readonly nats: NatsPath;
  readonly state: StateStore;
  /** Where a component's bytes are; undefined for whoever is no component. */
  readonly fileOf: (id: ComponentId) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

type BackendConfig = Config["secrets"]["backends"][string];

/** A secret on the device costs little to look at, one at the hub costs traffic. */
const REFRESH = {
  files: seconds(2),
  systemd: seconds(2),
  "nats-kv": seconds(30),
  wasmcloud: minutes(5),
} as const satisfies Record<BackendConfig["type"], Millis>;

/** The secrets of the device. Nothing is read until somebody wants one. */
export function openSecrets(deps: OpenSecretsDeps): Secrets {
  const { config, env, redactor, nats, clock, log } = deps;
  const tokens = tokenSource(deps);
  const service = (prefix: string, name: string | undefined, refresh: Millis): SecretBackend =>
    createServiceSecrets({ nats, prefix, service: name, refresh, tokens });
  const make = (name: string, backend: BackendConfig): SecretBackend => {
    const { type, refresh = REFRESH[type] } = backend;
    if (type === "files") return createFileSecrets({ folder: backend.folder ?? "", refresh, checkModes: true });
    if (type === "systemd") return systemdSecrets(name, env["CREDENTIALS_DIRECTORY"], refresh);
    if (type === "nats-kv") return createBucketSecrets({ nats, bucket: backend.bucket ?? "", refresh });
    return service(backend.prefix ?? SECRETS_PREFIX, backend.service ?? name, refresh);
  };
  const backends = new Map(
    Object.entries(secretBackends(config.secrets)).map(([name, backend]) => [name, make(name, backend)]),
  );
  const prefix = config.lattice?.secrets_prefix;
  if (prefix !== undefined) backends.set(LATTICE_BACKEND, service(prefix, undefined, REFRESH.wasmcloud));
  return createSecrets({ backends, fallback: defaultBackend(config.secrets), redactor, clock, log });
}

function systemdSecrets(name: string, folder: string | undefined, refresh: Millis): SecretBackend {
  if (folder !== undefined) return createFileSecrets({ folder, refresh, checkModes: false });
  return {
    refresh,
    settles: false,
    read: ({ reference }) => {
      const why = "the service has no credentials: want LoadCredential= or SetCredentialEncrypted= in its unit";
      const text = `Cannot find the ${reference.toString()} in "${name}": ${why}`;
      return Promise.reject(new PetioleError("ERR_SECRET_NOT_FOUND", text));
    },
  };
}

/** A component shows the claims that are in it, everybody else those that the device signs. */
function tokenSource({ config, state, fileOf, clock, log }: OpenSecretsDeps) {
  let identity: Promise<SecretsIdentity> | undefined;
  async function recall(): Promise<SecretsIdentity> {
    const found = await recallSecretsIdentity({ device: config.device.id, state, clock });
    log.info("Secrets services know this device by these keys", { entity: found.entity, issuer: found.issuer });
    return found;
  }
  return async (asker: string): Promise<{ readonly entity: string; readonly host: string }> => {
    identity ??= recall();
    const device = await identity.catch((error: unknown) => {
      identity = undefined;
      throw error;
    });
    const file = fileOf(asker);
    const [own] = file === undefined ? [] : (findTokens(await readFile(file))?.tokens ?? []);
    return { entity: own ?? device.entityToken(), host: device.hostToken() };
  };
}
