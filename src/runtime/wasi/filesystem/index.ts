// wasi:filesystem: the granted folders, and nothing else of the device.

import { statSync } from "node:fs";
import type { FolderGrant } from "../../../domain/workload.ts";
import type { Suspend } from "../waiting.ts";
import { Descriptor, type FilesystemContext } from "./descriptor.ts";
import { DirectoryEntryStream } from "./directory-entries.ts";
import { filesystemErrorCode } from "./errors.ts";
import { directoryFlags } from "./open.ts";
import { OpenFiles } from "./open-files.ts";
import { descriptorPath, openRoot } from "./sandbox.ts";
import { reasonOf } from "../../../lib/reason.ts";

export interface FilesystemDeps {
  readonly folders: readonly FolderGrant[];
  readonly suspend: Suspend;
}

/** Disposing it closes what the guest has open. */
export interface Filesystem extends Disposable {
  readonly interfaces: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export function createFilesystem({ folders, suspend }: FilesystemDeps): Filesystem {
  const files = new OpenFiles();
  const context: FilesystemContext = { files, suspend };
  return {
    interfaces: {
      "wasi:filesystem/preopens": {
        getDirectories: () => folders.map((folder) => [preopen(context, folder), folder.guest] as const),
      },
      "wasi:filesystem/types": { Descriptor, DirectoryEntryStream, filesystemErrorCode },
    },
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

/** @throws Error when the folder cannot be opened, which ends the guest's call */
function preopen(context: FilesystemContext, { host, guest, write, within }: FolderGrant): Descriptor {
  try {
    const file = context.files.open(() => openRoot(host, within));
    // Without /proc no step could be taken from it.
    statSync(descriptorPath(file.fd));
    return new Descriptor(context, { file, type: "directory", flags: directoryFlags(write), writable: write });
  } catch (cause) {
    const found = reasonOf(cause);
    throw new Error(`cannot open the folder "${host}" that it knows as "${guest}": ${found}`, { cause });
  }
}
