// From what the lattice says to what should run on this device. Pure.

import type { Digest, ImageSource, LinkSpec, WantedProvider, WantedState } from "../../../domain/workload.ts";
import { parseWitName } from "../../../domain/wit-name.ts";
import { structuredConfig } from "../../../lib/structured-config.ts";
import type { SecretReference } from "../../../domain/secret.ts";
import { mergeConfig, secretsAmong, type NamedLookup } from "./named-config.ts";
import type { Wanted } from "./wanted.ts";
import { componentRecord, parseStored, type Link } from "./wire.ts";
import { isComponentKey } from "./subjects.ts";

export interface LatticeComponent {
  readonly id: string;
  readonly reference: string;
  /** Instances at most. */
  readonly count: number;
  readonly config: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, SecretReference>>;
  /** What the file of the reference has to be. */
  readonly digest?: Digest;
}

/** What the lattice wants of this device. */
export interface LatticeItems {
  readonly components: readonly LatticeComponent[];
  readonly providers: readonly WantedProvider[];
  readonly links: readonly LinkSpec[];
}

/** What a reference to a provider stands for. */
export type ProviderOrigin =
  /** One of petiole's own. */
  | { readonly kind: "own"; readonly type: string }
  | {
      readonly kind: "executable";
      readonly type: string;
      /** As that type has it, but for the configuration of the provider itself. */
      readonly config: Readonly<Record<string, unknown>>;
      readonly image?: ImageSource | undefined;
    };

export interface ItemsInput {
  readonly wanted: Wanted;
  /** Of the whole lattice. */
  readonly links: readonly Link[];
  readonly lookup: NamedLookup;
  readonly providerOrigin: (reference: string) => ProviderOrigin | undefined;
  /** What the device itself wants: the lattice can link it, and cannot change it. */
  readonly below: WantedState;
}

export function latticeItems({ wanted, links, lookup, providerOrigin, below }: ItemsInput): LatticeItems {
  const secretsOf = (names: readonly string[], { annotations }: { readonly annotations: Texts }) =>
    secretsAmong(names, lookup, annotations[APPLICATION]);
  const taken = new Set([...below.components, ...below.providers].map(({ id }) => id));
  const components = wanted.components.filter(({ id }) => !taken.has(id));
  const providers = wanted.providers.filter(({ id }) => !taken.has(id));
  return {
    components: components.map((item) => ({
      id: item.id,
      reference: item.reference,
      count: item.count,
      config: mergeConfig(item.config, lookup.config),
      ...orNone(secretsOf(item.config, item)),
    })),
    providers: providers.flatMap((item) => {
      const { id, reference, config: names } = item;
      const secrets = secretsOf(names, item);
      const origin = providerOrigin(reference);
      // One that another version of petiole had, or that this configuration does not let the lattice start any more.
      if (origin === undefined) return [];
      if (origin.kind === "own") {
        const config = { ...structuredConfig(mergeConfig(names, lookup.config)), ...secrets };
        return [{ id, type: origin.type, config }];
      }
      // A process hears of its configuration, and of changes to it, by itself: they are no reason to start it anew. Secrets
      // it is given at its start alone.
      return [
        {
          id,
          type: origin.type,
          config: { ...origin.config, ...orNone(secrets) },
          ...(origin.image === undefined ? {} : { image: origin.image }),
        },
      ];
    }),
    links: linksHere(links, lookup, {
      components: new Set([...below.components, ...components].map(({ id }) => id)),
      providers: new Set([...below.providers, ...providers].map(({ id }) => id)),
    }),
  };
}

type Texts = Readonly<Record<string, string>>;

/** Annotation with the name of the application that wants an item. */
const APPLICATION = "wasmcloud.dev/appspec";

const orNone = (secrets: Readonly<Record<string, SecretReference>>) =>
  Object.keys(secrets).length === 0 ? {} : { secrets };

interface Ends {
  readonly components: ReadonlySet<string>;
  readonly providers: ReadonlySet<string>;
}

/** Links with an end on this device that has to do something for them: whoever imports, and every provider. */
function linksHere(links: readonly Link[], lookup: NamedLookup, { components, providers }: Ends): LinkSpec[] {
  const imports: LinkSpec[] = [];
  const others: LinkSpec[] = [];
  for (const link of links) {
    const spec = (names: readonly string[]): LinkSpec => ({
      name: link.name,
      source: link.source_id,
      target: link.target,
      interfaces: interfacesOf(link),
      // The provider's side is what the provider reads.
      config: { ...structuredConfig(mergeConfig(names, lookup.config)), ...secretsAmong(names, lookup) },
    });
    if (interfacesOf(link).length === 0) continue;
    if (components.has(link.source_id)) imports.push(spec(link.target_config));
    else if (providers.has(link.target))
      others.push(...(providers.has(link.source_id) ? [] : [spec(link.target_config)]));
    else if (providers.has(link.source_id)) others.push(spec(link.source_config));
  }
  return [...oneForEachImport(imports), ...others];
}

const interfacesOf = ({ wit_namespace, wit_package, interfaces }: Link): string[] => [
  ...new Set(
    interfaces
      .map((name) => `${wit_namespace}:${wit_package}/${name}`)
      .filter((name) => parseWitName(name)?.version === undefined && parseWitName(name) !== undefined),
  ),
];

/** An import has one link: the one named `default`, else the first by name. */
function oneForEachImport(links: readonly LinkSpec[]): LinkSpec[] {
  const rank = ({ name, target }: LinkSpec): string => `${name === "default" ? 0 : 1} ${name} ${target}`;
  const taken = new Set<string>();
  return [...links]
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .flatMap((link) => {
      const free = link.interfaces.filter((name) => !taken.has(`${link.source} ${name}`));
      for (const name of free) taken.add(`${link.source} ${name}`);
      return free.length === 0 ? [] : [{ ...link, interfaces: free }];
    });
}

/** Every link in the entries of the lattice's bucket. */
export function linksOf(entries: readonly (readonly [string, string])[]): Link[] {
  return entries
    .filter(([key]) => isComponentKey(key))
    .flatMap(([, value]) => parseStored(componentRecord, value)?.links ?? []);
}
