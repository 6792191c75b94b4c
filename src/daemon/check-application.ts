import type { ConfigFault } from "../config/yaml-source.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { ProviderSpec } from "../domain/workload.ts";
import type { AppLink, Translation } from "../oam/translate.ts";
import { checkProviders } from "./check-providers.ts";

/**
 * What the providers' own schemas say about an application's providers and links, where the manifest has it. `others` are
 * providers that its links may name besides its own.
 */
export async function checkApplication(
  { providers, links, placed }: Translation,
  others: readonly ProviderSpec[],
): Promise<ConfigFault[]> {
  const here = links.filter((link) => link.here);
  let found: readonly ConfigFault[] = [];
  const source = {
    config: {
      providers: providersOf(providers),
      links: here.map(({ name, source: from, target: to, interfaces, config }) => ({
        name,
        from,
        to,
        interfaces: [...interfaces],
        config,
      })),
    },
    invalid: (faults: readonly ConfigFault[]): PetioleError => {
      found = faults;
      return new PetioleError("ERR_CONFIG_INVALID", "The providers do not take it");
    },
  };
  try {
    await checkProviders(source, providersOf(others));
  } catch (error) {
    if (!isPetioleError(error, "ERR_CONFIG_INVALID")) throw error;
  }
  return found.map(({ path: [section, key, part, ...rest], message }): ConfigFault => {
    const text = rest.length === 0 ? message : `${rest.map(String).join(".")}: ${message}`;
    if (section === "links") return { path: linkPath(here[Number(key)], part), message: text };
    const index = placed.findIndex(({ id }) => id === key);
    return { path: ["spec", "components", index, "properties", "config"], message: text };
  });
}

function linkPath(link: AppLink | undefined, part: PropertyKey | undefined): readonly PropertyKey[] {
  if (link === undefined) return [];
  return part === "config" ? [...link.path, link.reads ?? "target", "config"] : [...link.path, String(part)];
}

const providersOf = (specs: readonly ProviderSpec[]) =>
  Object.fromEntries(specs.map(({ id, type, config }) => [id, { type, config }]));
