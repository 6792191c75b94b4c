// What a manifest says that is no fault, and may not be what its author meant. Pure.

import { asRecord } from "../config/check.ts";
import type { ConfigFault } from "../config/yaml-source.ts";
import { asList, asText, linksOf, type Outline, type OutlineLink, type Path } from "./outline.ts";

/** Interfaces of packages that everybody knows. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "wasi:blobstore": ["blobstore", "container", "types"],
  "wasi:config": ["store", "runtime"],
  "wasi:http": ["incoming-handler", "outgoing-handler"],
  "wasi:keyvalue": ["store", "atomics", "batch", "watcher"],
  "wasi:logging": ["logging"],
  "wasmcloud:messaging": ["consumer", "handler", "types"],
  "wrpc:blobstore": ["blobstore"],
  "wrpc:http": ["incoming-handler", "outgoing-handler"],
  "wrpc:keyvalue": ["store", "atomics", "batch", "watcher"],
};

export function warningsOf(raw: unknown, outline: Outline): ConfigFault[] {
  const document = asRecord(raw);
  return [
    ...unlike(document, "apiVersion", "core.oam.dev/v1beta1"),
    ...unlike(document, "kind", "Application"),
    ...unread(outline.metadata, ["metadata"], ["name", "annotations", "labels"]),
    ...unread(outline.spec, ["spec"], ["components", "policies"]),
    ...outline.components.flatMap((component) => {
      const { path, raw: entry, properties, traits } = component;
      const scalers = traits.filter(({ type }) => type === "spreadscaler" || type === "daemonscaler");
      const isStarted = entry["type"] === "capability" || properties["application"] !== undefined || scalers.length > 0;
      return [
        ...unread(entry, path, ["name", "type", "properties", "traits"]),
        ...(isStarted ? [] : [{ path, message: "it has no spreadscaler or daemonscaler, and is not started" }]),
        ...scalers.slice(1).map((extra) => ({ path: extra.path, message: "it has another scaler: want one" })),
        ...linksOf(component).flatMap(linkWarnings),
      ];
    }),
  ];
}

const unlike = (document: Readonly<Record<string, unknown>>, key: string, wanted: string): ConfigFault[] =>
  typeof document[key] !== "string" || document[key] === wanted
    ? []
    : [{ path: [key], message: `found "${document[key]}", known is "${wanted}"` }];

const unread = (raw: Readonly<Record<string, unknown>>, path: Path, known: readonly string[]): ConfigFault[] =>
  Object.keys(raw)
    .filter((key) => !known.includes(key))
    .map((key) => ({ path: [...path, key], message: "this key is not known here, and means nothing" }));

function linkWarnings({ path, properties }: OutlineLink): ConfigFault[] {
  const { namespace, package: packageName, interfaces } = properties;
  const known = KNOWN[`${String(namespace)}:${String(packageName)}`];
  const strange = asList(interfaces)
    .map(asText)
    .filter((one) => one !== undefined && known?.includes(one) === false);
  return [
    ...strange.map((one) => ({
      path: [...path, "interfaces"],
      message: `${String(namespace)}:${String(packageName)} has no interface ${one}, as far as is known: it has ${known?.join(", ")}`,
    })),
    ...["source_config", "target_config"]
      .filter((key) => properties[key] !== undefined)
      .map((key) => ({
        path: [...path, key],
        message: `the form of old: write ${key.replace("_config", "")}: and config: below it`,
      })),
    ...unread(properties, path, [
      "name",
      "namespace",
      "package",
      "interfaces",
      "target",
      "source",
      "source_config",
      "target_config",
    ]),
  ];
}
