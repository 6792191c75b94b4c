// A manifest as far as it is readable: what its parts say about each other is checked even where their form has faults.

import { asRecord } from "../config/check.ts";

type Raw = Readonly<Record<string, unknown>>;
export type Path = readonly PropertyKey[];

export interface Outline {
  readonly metadata: Raw;
  readonly spec: Raw;
  readonly components: readonly OutlineComponent[];
  /** Type and properties, by name. */
  readonly policies: ReadonlyMap<string, Raw>;
}

export interface OutlineComponent {
  readonly path: Path;
  readonly raw: Raw;
  readonly name: string | undefined;
  readonly properties: Raw;
  readonly traits: readonly { readonly path: Path; readonly type: unknown; readonly properties: Raw }[];
}

export interface OutlineLink {
  readonly path: Path;
  readonly properties: Raw;
}

export function outlineOf(raw: unknown): Outline {
  const document = asRecord(raw);
  const spec = asRecord(document["spec"]);
  const policies = asList(spec["policies"]).map(asRecord);
  return {
    metadata: asRecord(document["metadata"]),
    spec,
    components: asList(spec["components"]).map((entry, index) => {
      const component = asRecord(entry);
      const path = ["spec", "components", index];
      return {
        path,
        raw: component,
        name: asText(component["name"]),
        properties: asRecord(component["properties"]),
        traits: asList(component["traits"]).map((one, place) => ({
          path: [...path, "traits", place],
          type: asRecord(one)["type"],
          properties: asRecord(asRecord(one)["properties"]),
        })),
      };
    }),
    policies: new Map(policies.map((policy) => [String(policy["name"]), policy])),
  };
}

export const linksOf = ({ traits }: OutlineComponent): OutlineLink[] =>
  traits
    .filter(({ type }) => type === "link")
    .map(({ path, properties }) => ({ path: [...path, "properties"], properties }));

export interface Listed {
  readonly path: Path;
  readonly entry: Raw;
}

const listed = (list: unknown, path: Path): Listed[] =>
  asList(list).map((entry, index) => ({ path: [...path, index], entry: asRecord(entry) }));

/** The configurations or secrets on both sides of a link, in both forms that there are. */
export function linkEntries({ path, properties }: OutlineLink, what: "config" | "secrets"): Listed[] {
  const { source, target } = properties;
  return [
    ...(typeof target === "string"
      ? listed(what === "config" ? properties["target_config"] : [], [...path, "target_config"])
      : listed(asRecord(target)[what], [...path, "target", what])),
    ...(source === undefined
      ? listed(what === "config" ? properties["source_config"] : [], [...path, "source_config"])
      : listed(asRecord(source)[what], [...path, "source", what])),
  ];
}

export const componentEntries = ({ path, properties }: OutlineComponent, what: "config" | "secrets"): Listed[] =>
  listed(properties[what], [...path, "properties", what]);

export const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
