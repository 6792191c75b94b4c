import type { PetioleError } from "../domain/errors.ts";
import { deepFreeze } from "../lib/deep-freeze.ts";
import { asRecord, checkReferences } from "./check.ts";
import { checkSecrets } from "./check-secrets.ts";
import { flattenIssues } from "./faults.ts";
import { documentSchema, type Config, type WantedAgent, type Workloads } from "./schema.ts";
import { openYaml, type ConfigFault } from "./yaml-source.ts";

export interface ParsedDocument {
  readonly config: Workloads & { readonly agent?: WantedAgent | undefined };
  /** An ERR_CONFIG_INVALID that shows further faults where they stand in the document. */
  readonly invalid: (faults: readonly ConfigFault[]) => PetioleError;
}

export interface DocumentContext {
  /** Stands before each fault. */
  readonly source: string;
  /** Where relative paths start. */
  readonly folder: string;
  /** What the document's links may name besides its own items, and what may be run for others than the file. */
  readonly base: Workloads & Pick<Config, "lattice" | "secrets">;
}

/**
 * Parses a desired-state document: `components`, `providers` and `links` as in a configuration file, and
 * `agent`, in YAML or JSON.
 * @throws PetioleError ERR_CONFIG_INVALID with every fault
 */
export function parseDocument(text: string, { source, folder, base }: DocumentContext): ParsedDocument {
  const yaml = openYaml(text, source);
  const result = documentSchema(folder).safeParse(yaml.value ?? {});
  const around = {
    components: new Set(Object.keys(base.components)),
    providers: new Set(Object.keys(base.providers)),
  };
  const faults = [
    ...(result.success ? [] : flattenIssues(result.error.issues)),
    ...checkReferences(yaml.value, around),
    ...checkExecutables(yaml.value, base.lattice?.executables.from_outside === true),
    ...(result.success ? checkSecrets(result.data, base.secrets, { outside: true }) : []),
  ];
  if (!result.success || faults.length > 0) throw yaml.invalid(faults);
  return { config: deepFreeze(result.data), invalid: (more) => yaml.invalid(more) };
}

/** A program is held by no sandbox: whoever may write documents need not be one who may run any. */
function checkExecutables(raw: unknown, allowed: boolean): ConfigFault[] {
  if (allowed) return [];
  return Object.entries(asRecord(asRecord(raw)["providers"]))
    .filter(([, provider]) => asRecord(provider)["type"] === "executable")
    .map(([name]) => ({
      path: ["providers", name],
      message: "this device runs executables for others only with lattice.executables.from_outside: true",
    }));
}
