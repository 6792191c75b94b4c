// References to secrets that no backend of the device can be asked for.

import { findReferences } from "../lib/secret-references.ts";
import type { Config, Workloads } from "./schema.ts";
import { defaultBackend, secretBackends } from "./secret-backends.ts";
import type { SecretsConfig } from "./secrets-schema.ts";
import type { ConfigFault } from "./yaml-source.ts";

/** `outside`: somebody else than the configuration file names them. */
export function checkSecrets(
  { components, providers, links }: Workloads,
  secrets: SecretsConfig,
  { outside }: { readonly outside: boolean },
): ConfigFault[] {
  const backends = secretBackends(secrets);
  const used = [
    ...Object.entries(components).flatMap(([id, spec]) => referencesIn(["components", id, "secrets"], spec.secrets)),
    ...Object.entries(providers).flatMap(([id, { config }]) => referencesIn(["providers", id, "config"], config)),
    ...links.flatMap(({ config }, index) => referencesIn(["links", index, "config"], config)),
  ];
  return used.flatMap(({ path, reference }): ConfigFault[] => {
    const name = reference.backend ?? defaultBackend(secrets);
    const backend = Object.hasOwn(backends, name) ? backends[name] : undefined;
    if (backend === undefined) {
      const message = `there is no backend "${name}" for secrets, want one of ${Object.keys(backends).join(", ")}`;
      return [{ path: [...path, "backend"], message }];
    }
    if (!outside || backend.from_outside) return [];
    const message = `the backend "${name}" has secrets for the configuration file alone: see secrets.backends.${name}.from_outside`;
    return [{ path: [...path, "secret"], message }];
  });
}

/** Secrets of the hub need one. */
export function checkBackends({ hub, secrets }: Pick<Config, "hub" | "secrets">): ConfigFault[] {
  if (hub !== undefined) return [];
  return Object.entries(secrets.backends)
    .filter(([, { type }]) => type === "nats-kv" || type === "wasmcloud")
    .map(([name, { type }]) => ({
      path: ["secrets", "backends", name, "type"],
      message: `${type} asks the hub, and there is none`,
    }));
}

const referencesIn = (prefix: readonly PropertyKey[], config: unknown) =>
  findReferences(config).map(({ path, reference }) => ({ path: [...prefix, ...path], reference }));
