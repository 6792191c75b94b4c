import { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import type { Digest } from "../../../domain/workload.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { ANY_LAYER, INDEXES, MANIFESTS, MISNAMED_LAYER, PROVIDER_LAYER, WASM_LAYERS } from "./media-types.ts";

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "want sha256: and 64 hexadecimal digits");
const annotations = z.record(z.string(), z.string()).nullish();
const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().min(0),
  artifactType: z.string().optional(),
  platform: z.object({ architecture: z.string().default(""), os: z.string().default("") }).nullish(),
});
const document = z.object({
  mediaType: z.string().optional(),
  layers: z.array(descriptor).optional(),
  manifests: z.array(descriptor).optional(),
  annotations,
});

type Descriptor = z.output<typeof descriptor>;

/** What is looked for in an image: a component, or an archive or executable for this architecture, as OCI names it. */
export type WantedContent =
  | { readonly kind: "component" }
  | { readonly kind: "executable"; readonly architecture: string };

/** The bytes of what is wanted, as an image names them. */
export interface ContentLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

export type Manifest =
  | { readonly kind: "image"; readonly layer: ContentLayer; readonly annotations: Readonly<Record<string, string>> }
  /** An image for several platforms; `manifest` is the one that fits. */
  | { readonly kind: "index"; readonly manifest: Digest };

/**
 * What a manifest, or an index of manifests, says about what is wanted of it.
 * @throws PetioleError ERR_ARTIFACT_FORMAT
 */
export function parseManifest(
  bytes: Uint8Array,
  contentType: string | undefined,
  name: string,
  wanted: WantedContent = { kind: "component" },
): Manifest {
  const invalid = (found: string, cause?: unknown): PetioleError =>
    new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot use the image "${name}": ${found}`, { cause });
  let parsed: z.output<typeof document>;
  try {
    parsed = document.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : reasonOf(cause);
    throw invalid(`its manifest cannot be read: ${reason}`, cause);
  }
  // Manifests of OCI may leave their type to the header.
  const type = parsed.mediaType ?? contentType?.split(";", 1)[0]?.trim() ?? "";
  const { layers, manifests } = parsed;
  if (manifests !== undefined && (INDEXES.has(type) || layers === undefined)) {
    return { kind: "index", manifest: chooseManifest(manifests, wanted, invalid).digest };
  }
  if (layers === undefined || !(MANIFESTS.has(type) || type === "")) {
    throw invalid(`found a manifest of type "${type}", want one of an image with layers`);
  }
  return { kind: "image", layer: chooseLayer(layers, wanted, invalid), annotations: parsed.annotations ?? {} };
}

type Invalid = (found: string) => PetioleError;

function chooseLayer(layers: readonly Descriptor[], { kind }: WantedContent, invalid: Invalid): ContentLayer {
  const [what, isNamed, misnamed] =
    kind === "component"
      ? (["WebAssembly", (type: string) => WASM_LAYERS.has(type), [MISNAMED_LAYER]] as const)
      : (["provider", (type: string) => type === PROVIDER_LAYER, [MISNAMED_LAYER, ANY_LAYER]] as const);
  // Of several, the first is the component: so does wasmCloud 2.x.
  const named = layers.find(({ mediaType }) => isNamed(mediaType));
  const [only] = layers.length === 1 ? layers : [];
  const layer = named ?? (misnamed.some((type) => type === only?.mediaType) ? only : undefined);
  if (layer !== undefined) return { digest: layer.digest, size: layer.size, mediaType: layer.mediaType };
  const types = layers.map(({ mediaType }) => mediaType).join(", ");
  throw invalid(`it has no ${what} layer, it has ${types === "" ? "none at all" : types}`);
}

/** Platforms of WebAssembly are `wasm` as the architecture, or a system such as `wasi` or `wasip2`. */
function chooseManifest(manifests: readonly Descriptor[], wanted: WantedContent, invalid: Invalid): Descriptor {
  const images = manifests.filter(({ mediaType }) => MANIFESTS.has(mediaType));
  const fits = ({ platform }: Descriptor): boolean =>
    wanted.kind === "executable"
      ? platform?.os === "linux" && platform.architecture === wanted.architecture
      : platform?.architecture === "wasm" || platform?.os.startsWith("wasi") === true;
  const fitting = images.filter(fits);
  const [only] = images.filter(({ platform }) => platform === undefined || platform === null);
  const chosen = fitting.find(({ platform }) => platform?.os === "wasip2") ?? fitting[0] ?? only;
  if (chosen !== undefined) return chosen;
  const found = manifests.map(({ platform, mediaType }) =>
    platform === undefined || platform === null ? mediaType : `${platform.os}/${platform.architecture}`,
  );
  const want = wanted.kind === "executable" ? `linux/${wanted.architecture}` : "wasm";
  throw invalid(`it is for ${found.length === 0 ? "no platform" : found.join(", ")}, want one for ${want}`);
}
