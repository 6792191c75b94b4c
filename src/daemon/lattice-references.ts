// What a reference of the lattice means on this device. Pure.

import { relative, resolve } from "node:path";
import { formatReference, parseReference } from "../domain/artifact-reference.ts";
import { PetioleError } from "../domain/errors.ts";

const FILE = "file://";

/** Where a component comes from, as a configuration says it: the absolute path of the .wasm file, or an image. */
export type ComponentSource = { readonly file: string } | { readonly image: string };

/**
 * The one place that says what may be loaded for a lattice: files below `folder`, as `file:///path` or, from there on, as
 * `file://name.wasm`, and images of registries and object stores.
 * @throws PetioleError ERR_LATTICE_REFERENCE
 */
export function componentSource(reference: string, folder: string | undefined): ComponentSource {
  if (!reference.startsWith(FILE)) {
    const parsed = parseReference(reference);
    if ("fault" in parsed) throw refuse(reference, parsed.fault);
    return { image: formatReference(parsed.reference) };
  }
  if (folder === undefined) throw refuse(reference, "the configuration names no lattice.components_folder");
  const name = reference.slice(FILE.length);
  const file = resolve(folder, name);
  const inside = relative(folder, file);
  if (name === "" || name.includes("\0") || inside === "" || inside === ".." || inside.startsWith("../")) {
    throw refuse(reference, `want a file below ${folder}`);
  }
  return { file };
}

const refuse = (reference: string, why: string): PetioleError =>
  new PetioleError("ERR_LATTICE_REFERENCE", `Cannot load "${reference.slice(0, 200)}": ${why}`);

/** `petiole://TYPE` and `builtin:TYPE` name petiole's own providers; undefined for anything else. */
export function providerTypeOf(reference: string, types: Readonly<Record<string, unknown>>): string | undefined {
  const type = /^(?:petiole:\/\/|builtin:)([a-z0-9-]+)$/.exec(reference)?.[1];
  return type !== undefined && Object.hasOwn(types, type) ? type : undefined;
}
