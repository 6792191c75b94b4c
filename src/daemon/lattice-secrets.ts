// What a secret that a lattice or an application names is on this device. Pure.

import type { Config } from "../config/schema.ts";
import { secretBackends } from "../config/secret-backends.ts";
import { SecretReference } from "../domain/secret.ts";
import type { SecretRule } from "../lib/named-secret.ts";

/** The backend that stands for the services of the lattice; no configuration can name it. */
export const LATTICE_BACKEND = "@lattice";

/** `outside`: somebody else than whoever is at the device names it. */
export function secretRule(
  { secrets, lattice }: Pick<Config, "secrets" | "lattice">,
  { outside }: { readonly outside: boolean },
): SecretRule {
  const backends = secretBackends(secrets);
  return ({ name, backend, key, field, version, policy, application }) => {
    const own = Object.hasOwn(backends, backend) ? backends[backend] : undefined;
    if (own !== undefined && (!outside || own.from_outside)) {
      return { reference: new SecretReference({ secret: key, backend, field, version }, { application, policy }) };
    }
    if (lattice?.secrets_prefix !== undefined) {
      const context = { application, policy, service: backend };
      return { reference: new SecretReference({ secret: key, backend: LATTICE_BACKEND, field, version }, context) };
    }
    const found =
      own === undefined
        ? `this device has no backend "${backend}", and no lattice.secrets_prefix`
        : `the backend "${backend}" of this device has none for others: see secrets.backends.${backend}.from_outside`;
    return { problem: `Secret ${name} cannot be used: ${found}` };
  };
}
