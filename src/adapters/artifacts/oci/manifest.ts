import { z } from "zod";
import { PetioleError } from "../../../domain/errors.ts";
import type { Digest } from "../../../domain/workload.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { INDEXES, MANIFESTS, MISNAMED_LAYER, WASM_LAYERS } from "./media-types.ts";

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

/** The bytes of a component, as an image names them. */
export interface WasmLayer {
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

export type Manifest =
  | { readonly kind: "image"; readonly layer: WasmLayer; readonly annotations: Readonly<Record<string, string>> }
  /** An image for several platforms; `manifest` is the one for WebAssembly. */
  | { readonly kind: "index"; readonly manifest: Digest };

/**
 * What a manifest, or an index of manifests, says about the component in it.
 * @throws PetioleError ERR_ARTIFACT_FORMAT
 */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined, name: string): Manifest {
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
    return { kind: "index", manifest: chooseManifest(manifests, invalid).digest };
  }
  if (layers === undefined || !(MANIFESTS.has(type) || type === "")) {
    throw invalid(`found a manifest of type "${type}", want one of an image with layers`);
  }
  return { kind: "image", layer: chooseLayer(layers, invalid), annotations: parsed.annotations ?? {} };
}

type Invalid = (found: string) => PetioleError;

function chooseLayer(layers: readonly Descriptor[], invalid: Invalid): WasmLayer {
  // Of several, the first is the component: so does wasmCloud 2.x.
  const wasm = layers.find(({ mediaType }) => WASM_LAYERS.has(mediaType));
  const layer =
    wasm ?? (layers.length === 1 ? layers.find(({ mediaType }) => mediaType === MISNAMED_LAYER) : undefined);
  if (layer !== undefined) return { digest: layer.digest, size: layer.size, mediaType: layer.mediaType };
  const types = layers.map(({ mediaType }) => mediaType).join(", ");
  throw invalid(`it has no WebAssembly layer, it has ${types === "" ? "none at all" : types}`);
}

/** Platforms of WebAssembly are `wasm` as the architecture, or a system such as `wasi` or `wasip2`. */
function chooseManifest(manifests: readonly Descriptor[], invalid: Invalid): Descriptor {
  const images = manifests.filter(({ mediaType }) => MANIFESTS.has(mediaType));
  const isWasm = ({ platform }: Descriptor): boolean =>
    platform?.architecture === "wasm" || platform?.os.startsWith("wasi") === true;
  const wasm = images.filter(isWasm);
  const [only] = images.filter(({ platform }) => platform === undefined || platform === null);
  const chosen = wasm.find(({ platform }) => platform?.os === "wasip2") ?? wasm[0] ?? only;
  if (chosen !== undefined) return chosen;
  const found = manifests.map(({ platform, mediaType }) =>
    platform === undefined || platform === null ? mediaType : `${platform.os}/${platform.architecture}`,
  );
  throw invalid(`it is for ${found.length === 0 ? "no platform" : found.join(", ")}, want one for wasm`);
}
