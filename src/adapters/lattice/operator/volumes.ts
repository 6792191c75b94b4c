// The folders that a component of a workload sees. Pure.

import { isAbsolute, resolve } from "node:path";
import type { FolderGrant } from "../../../domain/workload.ts";
import { isInside } from "../../../lib/is-inside.ts";
import type { LocalResources, Workload } from "./wire.ts";

export interface VolumeFolders {
  readonly folders: readonly FolderGrant[];
  /** Below the workload's own folder: to be made before they are used. */
  readonly empty: readonly string[];
  /** Of the device: they have to be there. */
  readonly hostPaths: readonly string[];
  readonly problems: readonly string[];
}

/** `own` is the workload's folder. Folders of the device are let in below those of `allowed`. */
export function volumeFolders(
  { volumes }: Pick<Workload, "volumes">,
  { volumeMounts }: Pick<LocalResources, "volumeMounts">,
  own: string,
  allowed: readonly string[],
): VolumeFolders {
  const folders: FolderGrant[] = [];
  const empty: string[] = [];
  const hostPaths: string[] = [];
  const problems: string[] = [];
  for (const { name, mountPath, readOnly } of volumeMounts) {
    const index = volumes.findIndex((volume) => volume.name === name);
    const volume = volumes[index];
    // Other hosts pass over a mount of no volume as well.
    if (volume === undefined) continue;
    const guest = mountPath.length > 1 ? mountPath.replace(/\/$/, "") : mountPath;
    if (!isGuestPath(guest)) {
      problems.push(
        `a volume is mounted at ${JSON.stringify(mountPath.slice(0, 200))}, want an absolute path without ".."`,
      );
      continue;
    }
    const path = volume.hostPath?.localPath;
    if (path === undefined) {
      const host = `${own}/${index}`;
      empty.push(host);
      folders.push({ host, guest, write: !readOnly });
    } else if (isAbsolute(path) && !path.includes("\0") && allowed.some((folder) => isInside(folder, path))) {
      hostPaths.push(resolve(path));
      folders.push({ host: resolve(path), guest, write: !readOnly, within: outermost(allowed) });
    } else {
      problems.push(`the folder ${JSON.stringify(path.slice(0, 200))} is below none that operator.host_paths allows`);
    }
  }
  return { folders, empty, hostPaths, problems };
}

const isGuestPath = (path: string): boolean =>
  /^\/([^/\0]+(\/[^/\0]+)*)?$/.test(path) && !path.split("/").some((part) => part === "." || part === "..");

/** Without those below another one: who may write there could make a link of such a one that leads anywhere. */
export const outermost = (folders: readonly string[]): readonly string[] =>
  folders.filter((one) => !folders.some((other) => isInside(other, one) && !isInside(one, other)));
