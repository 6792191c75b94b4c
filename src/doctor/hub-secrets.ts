import { findReferences } from "../lib/secret-references.ts";
import type { Config } from "../config/schema.ts";
import { defaultBackend, secretBackends } from "../config/secret-backends.ts";

/** Names of the secrets that only the hub can give. */
export function hubSecrets({ components, providers, links, secrets }: Config): string[] {
  const backends = secretBackends(secrets);
  const places: readonly unknown[] = [
    ...Object.values(components).map((component) => component.secrets),
    ...Object.values(providers).map(({ config }) => config),
    ...links.map(({ config }) => config),
  ];
  const names = places.flatMap(findReferences).flatMap(({ reference }) => {
    const type = backends[reference.backend ?? defaultBackend(secrets)]?.type;
    return type === "nats-kv" || type === "wasmcloud" ? [reference.secret] : [];
  });
  return [...new Set(names)];
}
