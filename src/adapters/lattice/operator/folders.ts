import { mkdir, readdir, realpath, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PetioleError } from "../../../domain/errors.ts";
import { isInside } from "../../../lib/is-inside.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { folderOf, shortHash } from "./translate.ts";
import { outermost, volumeFolders } from "./volumes.ts";
import type { Workload } from "./wire.ts";

/** The folders on disk that the volumes of workloads stand for. */
export interface Folders {
  /** @throws PetioleError ERR_WORKLOAD_VOLUME when one of the device's own folders is not there, or leads elsewhere */
  make(id: string, workload: Workload): Promise<void>;
  remove(id: string): Promise<void>;
  /** Removes the folders of all other workloads. */
  retain(ids: readonly string[]): Promise<void>;
}

export interface FoldersOptions {
  readonly volumesFolder: string;
  /** Folders of the device that workloads may use what is below. */
  readonly hostPaths: readonly string[];
}

export function createFolders({ volumesFolder, hostPaths }: FoldersOptions): Folders {
  async function checkHostPath(path: string): Promise<void> {
    try {
      const real = await realpath(path);
      const allowed = await Promise.all(outermost(hostPaths).map((one) => realpath(one).catch(() => one)));
      if (!(await stat(real)).isDirectory()) throw new Error("it is no folder");
      if (!allowed.some((folder) => isInside(folder, real))) throw new Error(`it leads to "${real}"`);
    } catch (cause) {
      const reason = reasonOf(cause);
      throw new PetioleError("ERR_WORKLOAD_VOLUME", `Cannot use the folder "${path}": ${reason}`, { cause });
    }
  }

  return {
    async make(id, workload) {
      for (const { localResources } of workload.witWorld?.components ?? []) {
        if (localResources === undefined) continue;
        const found = volumeFolders(workload, localResources, folderOf(id, { volumesFolder }), hostPaths);
        for (const path of found.hostPaths) await checkHostPath(path);
        for (const path of found.empty) await mkdir(path, { recursive: true, mode: 0o700 });
      }
    },
    remove: async (id) => await rm(folderOf(id, { volumesFolder }), { recursive: true, force: true }),
    async retain(ids) {
      const kept = new Set(ids.map(shortHash));
      const found = await readdir(volumesFolder).catch(() => []);
      const gone = found.filter((name) => !kept.has(name));
      await Promise.all(gone.map((name) => rm(join(volumesFolder, name), { recursive: true, force: true })));
    },
  };
}
