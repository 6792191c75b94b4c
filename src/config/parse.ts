import { dirname } from "node:path";
import type { PetioleError } from "../domain/errors.ts";
import { deepFreeze } from "../lib/deep-freeze.ts";
import { checkLeaf } from "./check-leaf.ts";
import { checkLattice } from "./check-lattice.ts";
import { checkReferences } from "./check.ts";
import { checkBackends, checkSecrets } from "./check-secrets.ts";
import { flattenIssues } from "./faults.ts";
import { configSchema, type Config } from "./schema.ts";
import { openYaml, type ConfigFault } from "./yaml-source.ts";

export interface ParsedConfig {
  readonly config: Config;
  /** An ERR_CONFIG_INVALID that shows further faults where they stand in the file. */
  readonly invalid: (faults: readonly ConfigFault[]) => PetioleError;
}

/**
 * Parses the text of a configuration file. `source` is its path: relative paths in it start at its folder, and it
 * stands before each fault.
 * @throws PetioleError ERR_CONFIG_INVALID with every fault, one a line, as `source:line:column: path: fault`
 */
export function parseConfigSource(text: string, source: string): ParsedConfig {
  const yaml = openYaml(text, source);
  const result = configSchema(dirname(source)).safeParse(yaml.value ?? {});
  const faults = [
    ...(result.success ? [] : flattenIssues(result.error.issues)),
    ...checkReferences(yaml.value),
    ...checkLeaf(yaml.value),
    ...checkLattice(yaml.value),
    ...(result.success ? checkSecrets(result.data, result.data.secrets, { outside: false }) : []),
    ...(result.success ? checkBackends(result.data) : []),
  ];
  if (!result.success || faults.length > 0) throw yaml.invalid(faults);
  return { config: deepFreeze(result.data), invalid: (more) => yaml.invalid(more) };
}

/** As `parseConfigSource`, for those who need the configuration alone. */
export function parseConfig(text: string, source: string): Config {
  return parseConfigSource(text, source).config;
}
