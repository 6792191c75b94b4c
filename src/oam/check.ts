// Faults that the schema cannot see: what the parts of a manifest say about each other. Pure.

import { asRecord } from "../config/check.ts";
import type { ConfigFault } from "../config/yaml-source.ts";
import {
  asList,
  asText,
  componentEntries,
  linkEntries,
  linksOf,
  type Outline,
  type OutlineComponent,
  type OutlineLink,
  type Path,
} from "./outline.ts";

const SECRET_POLICY = "policy.secret.wasmcloud.dev/v1alpha1";

export function checkManifest(outline: Outline): ConfigFault[] {
  const { components } = outline;
  return [
    ...checkMetadata(outline),
    ...unique(components, ({ raw, path }) => ({ value: raw["name"], path: [...path, "name"] }), "component"),
    ...unique(
      components,
      ({ properties, path }) => ({ value: properties["id"], path: [...path, "properties", "id"] }),
      "id",
    ),
    ...components.flatMap(checkOrigin),
    ...components.flatMap((component) => checkTargets(component, components)),
    ...components.flatMap(checkDoubleLinks),
    ...checkLinkConfigs(components.flatMap(linksOf)),
    ...checkSecrets(outline),
  ];
}

function checkMetadata({ metadata }: Outline): ConfigFault[] {
  const keys = (["annotations", "labels"] as const).flatMap((section) =>
    Object.keys(asRecord(metadata[section]))
      .filter((key) => !isLabelKey(key))
      .map((key) => ({
        path: ["metadata", section, key],
        message: "want a name of at most 63 letters, digits, -, _ and ., with a DNS name and / before it or not",
      })),
  );
  return asRecord(metadata["annotations"])["version"] === "latest"
    ? [
        ...keys,
        {
          path: ["metadata", "annotations", "version"],
          message: '"latest" stands for the newest version, and cannot be one',
        },
      ]
    : keys;
}

const LABEL_NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const DNS_PART = /^[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

function isLabelKey(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return LABEL_NAME.test(key);
  const prefix = key.slice(0, slash);
  return (
    prefix.length <= 253 &&
    prefix.split(".").every((part) => DNS_PART.test(part)) &&
    LABEL_NAME.test(key.slice(slash + 1))
  );
}

/** One fault for each that has what an earlier one has. */
function unique<T>(
  items: readonly T[],
  keyOf: (item: T) => { readonly value: unknown; readonly path: Path },
  what: string,
): ConfigFault[] {
  const seen = new Set<string>();
  return items.flatMap((item) => {
    const { value, path } = keyOf(item);
    if (typeof value !== "string") return [];
    if (seen.has(value)) return [{ path, message: `there is a ${what} "${value}" already`.replace("a id", "an id") }];
    seen.add(value);
    return [];
  });
}

function checkOrigin(component: OutlineComponent): ConfigFault[] {
  const { properties, traits } = component;
  const { image, application } = properties;
  const path = [...component.path, "properties"];
  if (image === undefined && application === undefined) return [{ path, message: "want an image or an application" }];
  if (application === undefined) return [];
  if (image !== undefined) {
    return [{ path: [...path, "application"], message: "there is an image already: want one of the two" }];
  }
  const owner = "it belongs to the application that it is of";
  return [
    ...(["config", "secrets"] as const)
      .filter((what) => asList(properties[what]).length > 0)
      .map((what) => ({
        path: [...path, what],
        message: `a component of another application gets no ${what} here: ${owner}`,
      })),
    ...traits
      .filter(({ type }) => type === "spreadscaler" || type === "daemonscaler")
      .map((trait) => ({
        path: trait.path,
        message: `a component of another application is not scaled here: ${owner}`,
      })),
  ];
}

const targetOf = ({ properties: { target } }: OutlineLink): string | undefined =>
  asText(target) ?? asText(asRecord(target)["name"]);

function checkTargets(component: OutlineComponent, components: readonly OutlineComponent[]): ConfigFault[] {
  return linksOf(component).flatMap((link) => {
    const target = targetOf(link);
    if (target === undefined || components.some(({ name }) => name === target)) return [];
    return [{ path: [...link.path, "target"], message: `no component of the manifest is named "${target}"` }];
  });
}

function checkDoubleLinks(component: OutlineComponent): ConfigFault[] {
  const seen = new Set<string>();
  return linksOf(component).flatMap(({ path, properties }) => {
    const { name = "default", namespace, package: packageName, interfaces } = properties;
    const doubles = asList(interfaces).filter((one) => {
      const key = JSON.stringify([name, namespace, packageName, one]);
      if (seen.has(key)) return true;
      seen.add(key);
      return false;
    });
    return doubles.map((one) => ({
      path: [...path, "interfaces"],
      message: `another link of the component with the name "${String(name)}" has ${String(namespace)}:${String(packageName)}/${String(one)}`,
    }));
  });
}

function checkLinkConfigs(links: readonly OutlineLink[]): ConfigFault[] {
  const brought = links
    .flatMap((link) => linkEntries(link, "config"))
    .filter(({ entry }) => entry["properties"] !== undefined);
  return unique(
    brought,
    ({ entry, path }) => ({ value: entry["name"], path: [...path, "name"] }),
    "configuration of a link with properties",
  );
}

function checkSecrets({ components, policies }: Outline): ConfigFault[] {
  const secrets = components.flatMap((component) => [
    ...componentEntries(component, "secrets"),
    ...linksOf(component).flatMap((link) => linkEntries(link, "secrets")),
  ]);
  return secrets.flatMap(({ entry, path }) => {
    const named = asText(asRecord(entry["properties"])["policy"]);
    if (named === undefined) return [];
    const policy = policies.get(named);
    const fault = (message: string): ConfigFault[] => [{ path: [...path, "properties", "policy"], message }];
    if (policy === undefined) return fault(`there is no policy "${named}"`);
    if (policy["type"] !== SECRET_POLICY) return fault(`the policy "${named}" is not of the type ${SECRET_POLICY}`);
    if (asRecord(policy["properties"])["backend"] !== undefined) return [];
    return fault(`the policy "${named}" names no backend`);
  });
}
