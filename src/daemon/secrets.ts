import { createFileSecrets } from "../adapters/secrets/files.ts";
import type { Config } from "../config/schema.ts";
import { defaultBackend, secretBackends } from "../config/secrets-schema.ts";
import { PetioleError } from "../domain/errors.ts";
import { seconds } from "../domain/units.ts";
import type { SecretBackend } from "../host/ports.ts";
import { createSecrets, type Secrets } from "../host/secrets.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Redactor } from "../lib/redactor.ts";

export interface OpenSecretsDeps {
  readonly config: Pick<Config, "secrets">;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly redactor: Redactor;
  readonly clock: Clock;
  readonly log: Logger;
}

type BackendConfig = Config["secrets"]["backends"][string];

const FILE_REFRESH = seconds(2);

/** The secrets of the device. Nothing is read until somebody wants one. */
export function openSecrets({ config, env, redactor, clock, log }: OpenSecretsDeps): Secrets {
  const make = (name: string, { folder, refresh = FILE_REFRESH }: BackendConfig): SecretBackend => {
    if (folder !== undefined) return createFileSecrets({ folder, refresh, checkModes: true });
    const credentials = env["CREDENTIALS_DIRECTORY"];
    if (credentials !== undefined) return createFileSecrets({ folder: credentials, refresh, checkModes: false });
    return {
      refresh,
      settles: false,
      read: ({ reference }) => {
        const why = "the service has no credentials: want LoadCredential= or SetCredentialEncrypted= in its unit";
        const text = `Cannot find the ${reference.toString()} in "${name}": ${why}`;
        return Promise.reject(new PetioleError("ERR_SECRET_NOT_FOUND", text));
      },
    };
  };
  const backends = Object.entries(secretBackends(config.secrets)).map(
    ([name, backend]) => [name, make(name, backend)] as const,
  );
  return createSecrets({
    backends: new Map(backends),
    fallback: defaultBackend(config.secrets),
    redactor,
    clock,
    log,
  });
}
