// The names that an application's parts get in a lattice: the same that wadm gives them. Pure.

import type { ManifestComponent } from "./manifest.ts";

/** Lower case, and every character but ASCII letters and digits is an underscore. */
const clean = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/gu, "_");

const derive = (manifest: string, name: string): string => `${clean(manifest)}-${clean(name)}`;

/** Id of a component or provider. */
export const idOf = (manifest: string, { id, name }: Pick<ManifestComponent, "id" | "name">): string =>
  id ?? derive(manifest, name);

/** Name of a configuration that the manifest brings. One that must be there already goes by the name it is given. */
export const configName = (manifest: string, config: string): string => derive(manifest, config);

export const secretName = (manifest: string, secret: string): string => `SECRET_${derive(manifest, secret)}`;

/** What tells of a workload that an application wants it. */
export const annotationsOf = (manifest: string, manager: string): Readonly<Record<string, string>> => ({
  "wasmcloud.dev/managed-by": manager,
  "wasmcloud.dev/appspec": manifest,
});
