/** What the host itself serves to components, without a link. Unversioned names. */
export const HOST_INTERFACES: ReadonlySet<string> = new Set(["wasmcloud:secrets/store", "wasmcloud:secrets/reveal"]);
