// Named configurations of a lattice: maps of strings, and references to secrets. Pure.

import { z } from "zod";
import type { SecretReference } from "../../../domain/secret.ts";
import type { SecretRule } from "../../../lib/named-secret.ts";
import { configMap, parseStored } from "./wire.ts";

export type ConfigLookup = (name: string) => string | undefined;

/** Where names lead, and what the secrets behind them are on this device. */
export interface NamedLookup {
  readonly config: ConfigLookup;
  readonly secret: SecretRule;
}

/** A name of this form stands for a secret. */
export const isSecret = (name: string): boolean => name.startsWith("SECRET");

const secretRecord = z.object({
  name: z.string().min(1),
  backend: z.string().min(1),
  key: z.string().min(1),
  field: z.string().nullish(),
  version: z.string().nullish(),
  policy: z.string().nullish(),
});

/** The configurations merged from left to right; one that is gone counts as empty, and so does a secret. */
export function mergeConfig(names: readonly string[], lookup: ConfigLookup): Record<string, string> {
  const parts = names.filter((name) => !isSecret(name)).map((name) => parseStored(configMap, lookup(name)) ?? {});
  return Object.assign({}, ...parts) as Record<string, string>;
}

/** The secrets among the names, by the names that whoever gets them knows; those that cannot be are left out. */
export function secretsAmong(
  names: readonly string[],
  lookup: NamedLookup,
  application?: string,
): Record<string, SecretReference> {
  const entries = names.filter(isSecret).flatMap((name) => {
    const found = findSecret(name, lookup, application);
    return found.reference === undefined ? [] : [[found.name, found.reference] as const];
  });
  return Object.fromEntries(entries);
}

/** Why these cannot be used; undefined when they can. */
export function configProblem(names: readonly string[], lookup: NamedLookup): string | undefined {
  const missing = names.find((name) => lookup.config(name) === undefined);
  if (missing !== undefined) return `Config ${missing} does not exist`;
  return names.filter(isSecret).flatMap((name) => findSecret(name, lookup, undefined).problem ?? [])[0];
}

type Found =
  | { readonly name: string; readonly reference: SecretReference; readonly problem?: undefined }
  | { readonly reference?: undefined; readonly problem: string };

function findSecret(stored: string, { config, secret }: NamedLookup, application: string | undefined): Found {
  const record = parseStored(secretRecord, config(stored));
  if (record === undefined) return { problem: `Secret ${stored} cannot be used: it is no reference to a secret` };
  const { name, backend, key, field, version, policy } = record;
  const rest = { field: field ?? undefined, version: version ?? undefined, policy: policy ?? NO_POLICY, application };
  const { reference, problem } = secret({ name, backend, key, ...rest });
  return reference === undefined ? { problem } : { name, reference };
}

const NO_POLICY = JSON.stringify({ type: "properties.secret.wasmcloud.dev/v1alpha1", properties: {} });
