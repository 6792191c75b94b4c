// What the block `secrets` means. Apart from its schema, which a start that knows its configuration does without.

import type { SecretsConfig } from "./secrets-schema.ts";

/** As wasmCloud has it unasked. */
export const SECRETS_PREFIX = "wasmcloud.secrets";

/** Is there without being configured: credentials are given to the service by its unit. */
export const SYSTEMD = "systemd";

/** Every backend by its name. */
export function secretBackends({ backends }: SecretsConfig): SecretsConfig["backends"] {
  return { [SYSTEMD]: { type: "systemd", from_outside: false }, ...backends };
}

/** The backend of references that name none. */
export function defaultBackend({ default: fallback, backends }: SecretsConfig): string {
  return fallback ?? Object.keys(backends)[0] ?? SYSTEMD;
}
