// An archive in the "newc" format, which the kernel unpacks as its first file system:
// <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

import { Buffer } from "node:buffer";

export interface ArchiveEntry {
  /** Without a slash in front. Folders come before what is in them. */
  readonly path: string;
  readonly kind: "file" | "folder" | "link";
  /** Of a link, where it leads. */
  readonly content?: Uint8Array;
  readonly executable?: boolean;
}

const TYPES = { file: 0o100000, folder: 0o040000, link: 0o120000 } as const;

const pad = (size: number): Buffer => Buffer.alloc((4 - (size % 4)) % 4);

function member(path: string, number: number, mode: number, content: Uint8Array): readonly Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const fields = [number, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, pad(header.length + name.length), content, pad(content.length)];
}

export function createArchive(entries: readonly ArchiveEntry[]): Buffer {
  const nothing = new Uint8Array();
  const members = entries.flatMap(({ path, kind, content = nothing, executable }, index) => {
    const mode = TYPES[kind] | (kind === "folder" || executable === true ? 0o755 : 0o644);
    return member(path, index + 1, mode, content);
  });
  return Buffer.concat([...members, ...member("TRAILER!!!", 0, 0, nothing)]);
}
