import { SecretReference } from "../../../domain/secret.ts";
import { parseWitName } from "../../../domain/wit-name.ts";
import type { LinkSpec, ProviderId } from "../../../domain/workload.ts";
import type { ProviderLink } from "../wasmcloud/provider-links.ts";

/** The device's own links of a provider, as the provider is told of them: each of them is for one package. Pure. */
export function localLinks(id: ProviderId, links: readonly LinkSpec[]): ProviderLink[] {
  return links
    .filter(({ source, target }) => source === id || target === id)
    .flatMap(({ name, source, target, interfaces, config }) => {
      const side = target === id ? "target" : "source";
      const references = referencesIn(config);
      const byPackage = Map.groupBy(
        interfaces.flatMap((one) => parseWitName(one) ?? []),
        ({ namespace, package: pack }) => JSON.stringify([namespace, pack]),
      );
      return [...byPackage.values()].flatMap((names) => {
        const [first] = names;
        if (first === undefined) return [];
        return {
          source_id: source,
          target,
          name,
          wit_namespace: first.namespace,
          wit_package: first.package,
          interfaces: names.map((one) => one.interface),
          source_config: {},
          target_config: {},
          [`${side}_config`]: texts(config),
          ...(Object.keys(references).length > 0 && { [`${side}_secrets`]: references }),
        };
      });
    });
}

/** A secret goes beside the configuration, by the key that it has in it. */
function referencesIn(config: unknown): Record<string, SecretReference> {
  if (typeof config !== "object" || config === null) return {};
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]: readonly [string, unknown]) =>
      value instanceof SecretReference ? [[key, value] as const] : [],
    ),
  );
}

function texts(config: unknown): Record<string, string> {
  if (typeof config !== "object" || config === null) return {};
  return Object.fromEntries(
    Object.entries(config)
      .filter(([, value]) => !(value instanceof SecretReference))
      .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
