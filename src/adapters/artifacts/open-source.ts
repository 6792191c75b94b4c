import type { ArtifactReference } from "../../domain/artifact-reference.ts";
import type { Millis } from "../../domain/units.ts";
import type { ObjectReader } from "../../host/ports.ts";
import { createFileSource } from "./file-source.ts";
import { createObjectSource } from "./object-source.ts";
import type { RegistrySettings } from "./oci/credentials.ts";
import type { WantedContent } from "./oci/manifest.ts";
import { createOciSource } from "./oci/oci-source.ts";
import type { ArtifactSource } from "./source.ts";

export interface SourceSettings {
  /** By host, and port where the reference names one. */
  readonly registries: Readonly<Record<string, RegistrySettings>>;
  readonly dockerConfigFile?: string | undefined;
  readonly stall: Millis;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly objects: ObjectReader;
}

/** The way to what a reference names. The caller disposes it. */
export function openArtifactSource(
  reference: ArtifactReference,
  settings: SourceSettings,
  wanted: WantedContent = { kind: "component" },
): ArtifactSource {
  if (reference.kind === "file") return createFileSource(reference);
  if (reference.kind === "nats-object") return createObjectSource(reference, settings.objects);
  const { registries, dockerConfigFile, stall, env } = settings;
  const options = { settings: registries[reference.registry] ?? {}, dockerConfigFile, stall, env };
  return createOciSource(reference, options, wanted);
}
