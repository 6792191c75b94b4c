import { flattenIssues } from "../config/faults.ts";
import { deepFreeze } from "../lib/deep-freeze.ts";
import { openYaml, type ConfigFault } from "../config/yaml-source.ts";
import { PetioleError } from "../domain/errors.ts";
import { checkManifest } from "./check.ts";
import type { Manifest, ManifestComponent } from "./manifest.ts";
import { outlineOf } from "./outline.ts";
import { manifestSchema } from "./schema.ts";
import { warningsOf } from "./warn.ts";
import type { z } from "zod";

export interface ParsedManifest {
  readonly manifest: Manifest;
  /** Each as `source:line:column: path: what`. */
  readonly warnings: readonly string[];
  readonly locate: (found: readonly ConfigFault[]) => string[];
  /** What a device cannot do, as ERR_MANIFEST_UNSUPPORTED that shows where it stands. */
  readonly unsupported: (faults: readonly ConfigFault[]) => PetioleError;
  /** Further faults of the manifest itself. */
  readonly invalid: (faults: readonly ConfigFault[]) => PetioleError;
}

/** What a device keeps of each application, and a lattice takes in one message. */
const MAX_MANIFEST = 256 * 1024;

/**
 * Parses an OAM manifest in YAML or JSON. `source` stands before each fault.
 * @throws PetioleError ERR_MANIFEST_INVALID with every fault, one a line
 */
export function parseManifest(text: string, source: string): ParsedManifest {
  if (Buffer.byteLength(text) > MAX_MANIFEST) {
    throw new PetioleError(
      "ERR_MANIFEST_INVALID",
      `Cannot use "${source}": it has ${Buffer.byteLength(text)} bytes, want at most ${MAX_MANIFEST}`,
    );
  }
  const yaml = openYaml(text, source, "ERR_MANIFEST_INVALID");
  const result = manifestSchema.safeParse(yaml.value ?? {});
  const outline = outlineOf(yaml.value);
  const faults = [...(result.success ? [] : flattenIssues(result.error.issues)), ...checkManifest(outline)];
  if (!result.success || faults.length > 0) throw yaml.invalid(faults);
  return {
    manifest: deepFreeze(manifestOf(result.data)),
    warnings: yaml.locate(warningsOf(yaml.value, outline)),
    locate: (found) => yaml.locate(found),
    unsupported: (more) => yaml.invalid(more, "ERR_MANIFEST_UNSUPPORTED"),
    invalid: (more) => yaml.invalid(more),
  };
}

function manifestOf({ metadata, spec }: z.output<typeof manifestSchema>): Manifest {
  const { name, annotations, labels } = metadata;
  return {
    name,
    version: annotations["version"],
    description: annotations["description"],
    shared: annotations["experimental.wasmcloud.dev/shared"] === "true",
    annotations,
    labels,
    policies: spec.policies,
    components: spec.components.map(({ name: component, type, properties, traits }): ManifestComponent => {
      const { image, application, id, config, secrets } = properties;
      return {
        name: component,
        kind: type === "capability" ? "capability" : "component",
        // The check has seen to it that there is exactly one.
        origin: application === undefined ? { image: image ?? "" } : { application },
        id,
        config,
        secrets,
        traits: traits ?? [],
      };
    }),
  };
}
