// Named configurations of a lattice: maps of strings. Pure.

import { configMap, parseStored } from "./wire.ts";

export type ConfigLookup = (name: string) => string | undefined;

/** A name of this form stands for a secret, which no petiole can read. */
const isSecret = (name: string): boolean => name.startsWith("SECRET");

/** The configurations merged from left to right; one that is gone counts as empty. */
export function mergeConfig(names: readonly string[], lookup: ConfigLookup): Record<string, string> {
  const parts = names.filter((name) => !isSecret(name)).map((name) => parseStored(configMap, lookup(name)) ?? {});
  return Object.assign({}, ...parts) as Record<string, string>;
}

/** Why these cannot be used; undefined when they can. */
export function configProblem(names: readonly string[], lookup: ConfigLookup): string | undefined {
  const secret = names.find(isSecret);
  if (secret !== undefined) return `Secrets are not supported: ${secret}`;
  const missing = names.find((name) => lookup(name) === undefined);
  return missing === undefined ? undefined : `Config ${missing} does not exist`;
}
