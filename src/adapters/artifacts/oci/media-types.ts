// What registries call the things in them. Components are published in the forms of wasmCloud 1.x and 2.x (`wash push`),
// of the CNCF's guidance for WebAssembly artifacts, and of older tools.

export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";

/** What is pushed: both generations of wash read it. */
export const WASM_CONFIG = "application/vnd.wasm.config.v0+json";
export const WASM_LAYER = "application/wasm";

/** The types of a layer that is the component itself, in bytes. */
export const WASM_LAYERS: ReadonlySet<string> = new Set([
  WASM_LAYER,
  "application/vnd.wasm.content.layer.v1+wasm",
  "application/vnd.module.wasm.content.layer.v1+wasm",
]);

/** Of a layer that is the archive of a provider, as wasmCloud 1.x has it. */
export const PROVIDER_LAYER = "application/vnd.wasmcloud.provider.archive.layer.v1+par";

/** wasmCloud 1.x also takes components, and archives, that were pushed as if they were a layer of a container; the bytes are not a tar. */
export const MISNAMED_LAYER = "application/vnd.oci.image.layer.v1.tar";
/** What other tools call a file of which they know nothing. */
export const ANY_LAYER = "application/octet-stream";

/** Of an image that has nothing to configure. */
export const EMPTY_CONFIG = "application/vnd.oci.empty.v1+json";

export const MANIFESTS: ReadonlySet<string> = new Set([OCI_MANIFEST, DOCKER_MANIFEST]);
export const INDEXES: ReadonlySet<string> = new Set([OCI_INDEX, DOCKER_INDEX]);
export const ACCEPTED = [...MANIFESTS, ...INDEXES].join(", ");
