import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { formatReference, type OciReference } from "../../../domain/artifact-reference.ts";
import { PetioleError } from "../../../domain/errors.ts";
import type { Digest } from "../../../domain/workload.ts";
import { readAnswer } from "../http.ts";
import { ANY_LAYER, EMPTY_CONFIG, OCI_MANIFEST, WASM_CONFIG, WASM_LAYER } from "./media-types.ts";
import { openRegistry, type RegistryClient, type RegistryOptions } from "./registry-client.ts";

export interface ComponentImage {
  readonly bytes: Uint8Array;
  /** When it was made, for its description: the same component and time make the same image. */
  readonly created: Date;
  readonly imports: readonly string[];
  readonly exports: readonly string[];
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Pushed {
  /** Of the manifest. */
  readonly digest: Digest;
  /** Of the bytes of the layer. */
  readonly content: Digest;
  readonly size: number;
  /** False when the registry had those bytes already. */
  readonly uploaded: boolean;
}

/** How much of the bytes was handed to the connection. */
type OnProgress = (bytes: number) => void;

const CHUNK = 64 * 1024;
const MAX_ANSWER = 1024 * 1024;

/** Where to, and how. */
export interface PushTarget {
  readonly reference: OciReference;
  readonly registry: RegistryOptions;
  readonly onProgress?: OnProgress;
}

/**
 * Publishes a component as `wash push` does since 1.0: an OCI image of one layer, whose configuration says what the
 * component imports and exports.
 * @throws as pushFile()
 */
export async function pushComponent(image: ComponentImage, target: PushTarget, signal: AbortSignal): Promise<Pushed> {
  const content = digestOf(image.bytes);
  const config = { type: WASM_CONFIG, bytes: encode(configOf(image, content)) };
  const { bytes, annotations } = image;
  return await pushLayer({ bytes, content, type: WASM_LAYER, config, annotations }, target, signal);
}

/** A file of which the registry need know nothing. */
export interface FileImage {
  readonly bytes: Uint8Array;
  /** For tools that fetch it. */
  readonly fileName: string;
  /** Media type of what it is. */
  readonly artifactType: string;
}

/**
 * Publishes a file as an OCI artifact of one layer (image specification 1.1).
 * @throws PetioleError ERR_ARTIFACT_UNREACHABLE, ERR_ARTIFACT_UNAUTHORIZED, ERR_ARTIFACT_NOT_FOUND,
 *   ERR_ARTIFACT_REFERENCE for a reference with a digest, ERR_ARTIFACT_DIGEST when the registry stored something else
 */
export async function pushFile(file: FileImage, target: PushTarget, signal: AbortSignal): Promise<Pushed> {
  const { bytes, fileName, artifactType } = file;
  const config = { type: EMPTY_CONFIG, bytes: encode({}) };
  const layer = { bytes, content: digestOf(bytes), type: ANY_LAYER, config, annotations: {}, fileName, artifactType };
  return await pushLayer(layer, target, signal);
}

interface Layer {
  readonly bytes: Uint8Array;
  readonly content: Digest;
  readonly type: string;
  readonly config: { readonly type: string; readonly bytes: Uint8Array };
  /** Of the manifest. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly fileName?: string;
  readonly artifactType?: string;
}

async function pushLayer(layer: Layer, target: PushTarget, signal: AbortSignal): Promise<Pushed> {
  const { reference, onProgress } = target;
  const { bytes, content, type, config, annotations, fileName, artifactType } = layer;
  const name = formatReference(reference);
  const { tag } = reference;
  if (tag === undefined || reference.digest !== undefined) {
    throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot push to "${name}": want a tag, and no digest`);
  }
  using registry = await openRegistry(reference, "pull,push", target.registry);
  const uploaded = await uploadBlob(registry, bytes, content, signal, onProgress);
  await uploadBlob(registry, config.bytes, digestOf(config.bytes), signal);
  const manifest = encode({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    ...(artifactType !== undefined && { artifactType }),
    config: { mediaType: config.type, digest: digestOf(config.bytes), size: config.bytes.byteLength },
    layers: [
      {
        mediaType: type,
        digest: content,
        size: bytes.byteLength,
        ...(fileName !== undefined && { annotations: { "org.opencontainers.image.title": fileName } }),
      },
    ],
    ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
  });
  const digest = digestOf(manifest);
  const question = {
    method: "PUT",
    path: `manifests/${tag}`,
    headers: { "content-type": OCI_MANIFEST },
    body: manifest,
    accept: [201],
  } as const;
  const answer = await registry.ask(question, signal);
  await readAnswer(answer, MAX_ANSWER, signal);
  const stored = answer.headers["docker-content-digest"];
  if (typeof stored === "string" && stored !== digest) {
    throw new PetioleError("ERR_ARTIFACT_DIGEST", `Cannot push "${name}": the registry has ${stored}, want ${digest}`);
  }
  return { digest, content, size: bytes.byteLength, uploaded };
}

/** As the `oci-wasm` crate writes and reads it. */
function configOf({ created, imports, exports }: ComponentImage, content: Digest): object {
  return {
    created: `${created.toISOString().slice(0, 19)}Z`,
    architecture: "wasm",
    os: "wasip2",
    layerDigests: [content],
    component: { exports, imports },
  };
}

/** False when it was there. */
async function uploadBlob(
  registry: RegistryClient,
  bytes: Uint8Array,
  digest: Digest,
  signal: AbortSignal,
  onProgress?: OnProgress,
): Promise<boolean> {
  const there = await registry.ask({ method: "HEAD", path: `blobs/${digest}`, accept: [200, 404] }, signal);
  there.body.resume();
  if (there.status === 200) return false;
  const started = await registry.ask({ method: "POST", path: "blobs/uploads/", accept: [202] }, signal);
  started.body.resume();
  const { location } = started.headers;
  if (location === undefined) {
    throw new PetioleError("ERR_ARTIFACT_UNREACHABLE", "Cannot upload: the registry does not say where to");
  }
  const url = new URL(location, started.url);
  url.searchParams.set("digest", digest);
  const question = {
    method: "PUT",
    path: url,
    headers: { "content-type": "application/octet-stream" },
    body: { size: bytes.byteLength, open: () => Readable.from(chunksOf(bytes, onProgress)) },
    accept: [201],
  } as const;
  await readAnswer(await registry.ask(question, signal), MAX_ANSWER, signal);
  return true;
}

function* chunksOf(bytes: Uint8Array, onProgress: OnProgress | undefined): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += CHUNK) {
    yield bytes.subarray(at, at + CHUNK);
    onProgress?.(Math.min(at + CHUNK, bytes.byteLength));
  }
}

const encode = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
