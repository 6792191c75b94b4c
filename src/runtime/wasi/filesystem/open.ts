// `open-at`: opens what is at a place in a granted folder.

import { closeSync, constants, fstatSync, openSync } from "node:fs";
import type { Opened } from "./descriptor.ts";
import { FsError, fsErrorCode } from "./errors.ts";
import type { OpenFiles } from "./open-files.ts";
import { descriptorPath, openPlace, placePath, type Place } from "./sandbox.ts";

export interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}

export interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly fileIntegritySync?: boolean;
  readonly dataIntegritySync?: boolean;
  readonly requestedWriteSync?: boolean;
  readonly mutateDirectory?: boolean;
}

export interface OpenRequest {
  readonly files: OpenFiles;
  readonly place: Place;
  readonly openFlags: OpenFlags;
  readonly flags: DescriptorFlags;
  readonly writable: boolean;
}

// Somebody may remove a file after it was found and before it is opened, and make it again; not for ever.
const ATTEMPTS = 8;

/** @throws FsError, and what Node's file system throws */
export function openIn(request: OpenRequest): Opened {
  checkFlags(request);
  const { openFlags, place } = request;
  for (let attempt = 1; ; attempt++) {
    const created = openFlags.create === true ? create(request) : undefined;
    if (created !== undefined) return created;
    try {
      return openPresent(request);
    } catch (error) {
      const vanished = openFlags.create === true && !place.slash && fsErrorCode(error) === "no-entry";
      if (!vanished || attempt >= ATTEMPTS) throw error;
    }
  }
}

function checkFlags({ flags, openFlags, writable }: OpenRequest): void {
  const changes = flags.write === true || flags.mutateDirectory === true || openFlags.truncate === true;
  if (!writable && (changes || openFlags.create === true)) throw new FsError("read-only");
  if (openFlags.create === true && openFlags.directory === true) throw new FsError("invalid");
  // Every write would wait for the disk, and with it every instance in the thread. A guest asks for `sync` instead.
  if (flags.fileIntegritySync === true || flags.dataIntegritySync === true || flags.requestedWriteSync === true) {
    throw new FsError("unsupported");
  }
}

/** Undefined when there is something already and that is fine. */
function create({ files, place, openFlags, flags, writable }: OpenRequest): Opened | undefined {
  if (place.name === undefined) throw new FsError("is-directory");
  if (place.slash) return undefined;
  const mode = accessMode(flags) | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    const file = files.open(() => openSync(placePath(place), mode, 0o666));
    return { file, type: "regular-file", flags: fileFlags(flags), writable };
  } catch (error) {
    if (openFlags.exclusive === true || fsErrorCode(error) !== "exist") throw error;
    return undefined;
  }
}

/**
 * Opens it as a path first and looks what it is, so that no device, pipe or socket is ever opened: opening one may wait,
 * or do something.
 */
function openPresent({ files, place, openFlags, flags, writable }: OpenRequest): Opened {
  const path = openPlace(place);
  let kept = false;
  try {
    const stats = fstatSync(path);
    if (stats.isDirectory()) {
      if (flags.write === true || openFlags.truncate === true || openFlags.create === true) {
        throw new FsError("is-directory");
      }
      const file = files.open(() => path);
      kept = true;
      return { file, type: "directory", flags: directoryFlags(writable), writable };
    }
    if (openFlags.directory === true || place.slash) throw new FsError("not-directory");
    if (stats.isSymbolicLink()) throw new FsError("loop");
    if (!stats.isFile()) throw new FsError("not-permitted");
    const mode = accessMode(flags) | (openFlags.truncate === true ? constants.O_TRUNC : 0);
    const file = files.open(() => openSync(descriptorPath(path), mode));
    return { file, type: "regular-file", flags: fileFlags(flags), writable };
  } finally {
    if (!kept) closeSync(path);
  }
}

function accessMode({ read, write }: DescriptorFlags): number {
  if (write !== true) return constants.O_RDONLY;
  return read === true ? constants.O_RDWR : constants.O_WRONLY;
}

export const directoryFlags = (writable: boolean): DescriptorFlags => ({ read: true, mutateDirectory: writable });

const fileFlags = ({ read = false, write = false }: DescriptorFlags): DescriptorFlags => ({ read, write });
