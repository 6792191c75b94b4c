// What names a component that is not a file of the configuration. The rules for registries are those of docker
// (github.com/distribution/reference): default registry, default tag, ports, digests.

/** An image in a registry that speaks the OCI distribution protocol. */
export interface OciReference {
  readonly kind: "oci";
  /** Host, and port where one was named, such as `registry.example:5000`. */
  readonly registry: string;
  readonly repository: string;
  /** `latest` when neither a tag nor a digest was named. */
  readonly tag: string | undefined;
  /** Of the manifest, or of an index of manifests. Goes before the tag. */
  readonly digest: string | undefined;
}

/** An object in an object store (JetStream) of the hub. */
export interface ObjectReference {
  readonly kind: "nats-object";
  readonly bucket: string;
  readonly name: string;
}

/** A file of the device. Its content is copied, so that the file may go away. */
export interface FileReference {
  readonly kind: "file";
  /** Absolute. */
  readonly path: string;
}

export type ArtifactReference = OciReference | ObjectReference | FileReference;

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_TAG = "latest";
const MAX_REPOSITORY = 255;

const HOST =
  /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*)(:\d{1,5})?$/;
const PATH_PART = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const BUCKET = /^[A-Za-z0-9_-]+$/;

/** The reference, or what is wrong with the text: `found …, want …`. */
export type ParsedReference = { readonly reference: ArtifactReference } | { readonly fault: string };

export function parseReference(text: string): ParsedReference {
  if (text.startsWith("file://")) return parseFile(text);
  if (text.startsWith("nats-object://")) return parseObject(text);
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1];
  if (scheme === undefined) return parseOci(text, text);
  if (scheme === "oci") return parseOci(text.slice("oci://".length), text);
  return fault(text, "want registry/repository:tag, oci://…, nats-object://bucket/name or file:///path");
}

/** One spelling for each reference, with everything that was left out. */
export function formatReference(reference: ArtifactReference): string {
  if (reference.kind === "file") return `file://${reference.path}`;
  if (reference.kind === "nats-object") return `nats-object://${reference.bucket}/${reference.name}`;
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

function parseFile(text: string): ParsedReference {
  const path = text.slice("file://".length);
  if (!path.startsWith("/") || path.includes("\0"))
    return fault(text, "want an absolute path such as file:///opt/a.wasm");
  return { reference: { kind: "file", path } };
}

function parseObject(text: string): ParsedReference {
  const [bucket = "", ...rest] = text.slice("nats-object://".length).split("/");
  const name = rest.join("/");
  if (!BUCKET.test(bucket) || name === "") return fault(text, "want nats-object://bucket/name");
  return { reference: { kind: "nats-object", bucket, name } };
}

function parseOci(text: string, whole: string): ParsedReference {
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) {
    return fault(whole, "want @sha256: and 64 hexadecimal digits as the digest");
  }
  const { registry, rest } = splitRegistry(named);
  if (!HOST.test(registry)) return fault(whole, `want a host name as the registry, not "${registry}"`);
  // After the registry, with its port, a colon can only begin the tag.
  const colon = rest.indexOf(":");
  const path = colon === -1 ? rest : rest.slice(0, colon);
  const tag = colon === -1 ? undefined : rest.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) return fault(whole, `want a tag of letters, digits, "_", "." and "-"`);
  const repository = registry === DEFAULT_REGISTRY && !path.includes("/") ? `library/${path}` : path;
  if (path.length > MAX_REPOSITORY || !path.split("/").every((part) => PATH_PART.test(part))) {
    return fault(whole, `want a repository of lower-case letters, digits, ".", "_", "-" and "/"`);
  }
  return {
    reference: {
      kind: "oci",
      registry,
      repository,
      tag: tag ?? (digest === undefined ? DEFAULT_TAG : undefined),
      digest,
    },
  };
}

/** The first part is a registry when it cannot be a part of a repository on the default one. */
function splitRegistry(text: string): { readonly registry: string; readonly rest: string } {
  const slash = text.indexOf("/");
  const first = slash === -1 ? "" : text.slice(0, slash);
  const named = first === "localhost" || /[.:[]/.test(first) || first !== first.toLowerCase();
  if (!named) return { registry: DEFAULT_REGISTRY, rest: text };
  const registry = first === "index.docker.io" ? DEFAULT_REGISTRY : first;
  return { registry, rest: text.slice(slash + 1) };
}

const fault = (text: string, wanted: string): ParsedReference => ({ fault: `found "${text}", ${wanted}` });
