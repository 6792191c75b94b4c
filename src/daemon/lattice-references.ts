// What a reference of the lattice means on this device. Pure.

import { relative, resolve } from "node:path";
import { formatReference, parseReference } from "../domain/artifact-reference.ts";
import { PetioleError } from "../domain/errors.ts";

const FILE = "file://";

/** Where a component comes from, as a configuration says it: the absolute path of the .wasm file, or an image. */
export type ComponentSource = { readonly file: string } | { readonly image: string };

/** The same for a provider: one of petiole's own, or an executable. */
export type ProviderSource = { readonly type: string } | ComponentSource;

export interface ExecutableRules {
  /** Whether others than the configuration file may have executables run at all. */
  readonly allowed: boolean;
  readonly folder: string | undefined;
}

/**
 * The one place that says what may be loaded for a lattice: files below `folder`, as `file:///path` or, from there on, as
 * `file://name.wasm`, and images of registries and object stores.
 * @throws PetioleError ERR_LATTICE_REFERENCE
 */
export function componentSource(reference: string, folder: string | undefined): ComponentSource {
  return sourceBelow(reference, folder, "components_folder");
}

/**
 * The same for providers: `petiole://TYPE` and `builtin:TYPE` name petiole's own, anything else an executable, or the archive
 * of one, which the device's configuration has to allow.
 * @throws PetioleError ERR_LATTICE_REFERENCE
 */
export function providerSource(
  reference: string,
  types: Readonly<Record<string, unknown>>,
  { allowed, folder }: ExecutableRules,
): ProviderSource {
  const own = OWN_PROVIDER.exec(reference)?.[1];
  if (own !== undefined) {
    if (Object.hasOwn(types, own)) return { type: own };
    throw refuse(reference, `there is no provider type "${own.slice(0, 64)}"`);
  }
  if (reference.startsWith("wasmcloud+builtin://")) throw refuse(reference, "it is built into other kinds of hosts");
  if (!allowed) {
    throw refuse(
      reference,
      "this device runs no executables for others unless its configuration says lattice.executables.from_outside: true",
    );
  }
  return sourceBelow(reference, folder, "executables.folder");
}

function sourceBelow(reference: string, folder: string | undefined, key: string): ComponentSource {
  if (!reference.startsWith(FILE)) {
    const parsed = parseReference(reference);
    if ("fault" in parsed) throw refuse(reference, parsed.fault);
    return { image: formatReference(parsed.reference) };
  }
  if (folder === undefined) throw refuse(reference, `the configuration names no lattice.${key}`);
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

const OWN_PROVIDER = /^(?:petiole:\/\/|builtin:)(.*)$/s;

/** Type of petiole's own provider that a reference names; undefined for anything else. */
export function providerTypeOf(reference: string, types: Readonly<Record<string, unknown>>): string | undefined {
  const type = OWN_PROVIDER.exec(reference)?.[1];
  return type !== undefined && Object.hasOwn(types, type) ? type : undefined;
}
