// wasi:filesystem for a guest without any folder: nothing is preopened, so there is no descriptor to begin with.

import { err, type WasiResult } from "./result.ts";

const METHODS = [
  "readViaStream",
  "writeViaStream",
  "appendViaStream",
  "advise",
  "syncData",
  "getFlags",
  "getType",
  "setSize",
  "setTimes",
  "read",
  "write",
  "readDirectory",
  "sync",
  "createDirectoryAt",
  "stat",
  "statAt",
  "setTimesAt",
  "linkAt",
  "openAt",
  "readlinkAt",
  "removeDirectoryAt",
  "renameAt",
  "symlinkAt",
  "unlinkFileAt",
  "metadataHash",
  "metadataHashAt",
] as const;

export class Descriptor {
  isSameObject(): boolean {
    return false;
  }
}
for (const method of METHODS) {
  Object.defineProperty(Descriptor.prototype, method, { value: () => err("bad-descriptor" as const) });
}

export class DirectoryEntryStream {
  readDirectoryEntry(): WasiResult<undefined, "bad-descriptor"> {
    return err("bad-descriptor");
  }
}

export const filesystem = {
  "wasi:filesystem/preopens": { getDirectories: (): readonly [Descriptor, string][] => [] },
  // No stream here fails with an error of a file system.
  "wasi:filesystem/types": { Descriptor, DirectoryEntryStream, filesystemErrorCode: () => undefined },
};
