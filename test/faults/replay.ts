// A disk after a power cut: what it may show when the power goes at some point of a recorded run. Pure; the caller
// writes the files.
//
// What is assumed of the disk:
// - What was written to a file before a flush of it (fsync, fdatasync) that succeeded is there, its size included.
// - Each later write may be there or not, whatever became of the ones before and after it, and also in part: a sector
//   of 512 bytes is written as a whole or not at all. Two writes within one sector are taken apart as well, which is
//   harsher than a page cache.
// - A write that made the file longer may have left the size but not the data: zeros are there then, or the remains of
//   another file. The same goes for each change of size.
// - A flush that failed says nothing about what it should have flushed, and later flushes do not make up for it: the
//   kernel has dropped those pages, or has not.
// - Names (create, rename, unlink, mkdir, rmdir) are there once their folder was flushed. Of those since then, the
//   first few are: a journal of metadata keeps their order. Flushing a file does not flush its name.
// - A name says nothing about the content: a file renamed over another one is empty when it was not flushed (ext4
//   without auto_da_alloc).
// - Renames stay within a folder, and folders are not renamed: a run that does so cannot be replayed.
// - The watched folder itself is there. Nothing that was flushed changes by itself: a medium that lies about flushes
//   or loses old data is no subject of this model.

import type { Random } from "./random.ts";
import type { Change, FileRecord } from "./records.ts";

const SECTOR = 512;

/** How much of what was not flushed survives. `prefix`: the first of it, up to one that is torn. `suffix`: the last. */
export const STYLES = ["all", "none", "newest", "prefix", "suffix", "torn", "mixed"] as const;
export type Style = (typeof STYLES)[number];

/** Content by path. */
export interface FileTree {
  readonly folders: readonly string[];
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The state of a disk while a run is replayed. */
export interface Disk {
  apply(record: FileRecord): void;
  /** What is there when the power goes now. The disk itself goes on unchanged. */
  cut(style: Style, random: Random): FileTree;
  /** How many changes of content and of names a cut may take now. */
  readonly unsettled: { readonly content: number; readonly names: number };
}

type ContentChange = Extract<Change, { kind: "write" | "truncate" }>;
type NameChange =
  | { readonly kind: "create"; readonly path: string; readonly file: File }
  | Extract<Change, { kind: "rename" | "unlink" | "mkdir" | "rmdir" }>;

interface Entry {
  readonly change: ContentChange;
  /** Position in the run. */
  readonly at: number;
  /** `doubtful`: a flush of it failed, so no later one tells anything about it. */
  state: "pending" | "doubtful" | "flushed";
}

interface File {
  /** What is certain. */
  content: Content;
  /** Changes since then, from the first that is not certain. */
  entries: Entry[];
}

type Names = Map<string, File | "folder">;

type Fate = "present" | "missing" | "torn" | "size";

/** Replays changes into memory; what a cut may take is kept apart from what is certain. */
export function createDisk(): Disk {
  const inodes = new Map<bigint, File>();
  const names: Names = new Map();
  let pending: NameChange[] = [];
  let at = 0;

  const fileOf = (inode: bigint): File => {
    const file = inodes.get(inode);
    if (file === undefined) throw new Error(`Cannot replay a change of inode ${inode}: the run never created it`);
    return file;
  };
  const flushNames = (isFlushed: (change: NameChange) => boolean): void => {
    const kept: NameChange[] = [];
    for (const change of pending) {
      if (isFlushed(change)) applyName(names, change);
      else kept.push(change);
    }
    pending = kept;
  };

  return {
    apply: (record) => {
      at += 1;
      switch (record.kind) {
        case "create": {
          const file: File = { content: new Content(), entries: [] };
          inodes.set(record.inode, file);
          pending.push({ kind: "create", path: record.path, file });
          return;
        }
        case "write":
        case "truncate":
          fileOf(record.inode).entries.push({ change: record, at, state: "pending" });
          return;
        case "sync":
          return flush(fileOf(record.inode));
        case "sync-failed":
          for (const entry of inodes.get(record.inode)?.entries ?? []) {
            if (entry.state === "pending") entry.state = "doubtful";
          }
          return;
        case "sync-all":
          for (const file of inodes.values()) flush(file);
          return flushNames(() => true);
        case "sync-folder":
          return flushNames((change) => folderOf(nameOf(change)) === record.path);
        case "rename":
          if (folderOf(record.from) !== folderOf(record.to)) {
            throw new Error(`Cannot replay the rename of "${record.from}" to "${record.to}": into another folder`);
          }
          pending.push(record);
          return;
        case "unlink":
        case "mkdir":
        case "rmdir":
          pending.push(record);
          return;
        case "start":
        case "close":
        case "mark":
          return;
      }
    },
    cut: (style, random) => {
      const left: Names = new Map(names);
      const extreme = { all: pending.length, none: 0 }[style as string];
      const any = random.below(pending.length + 1);
      const count = extreme !== undefined && random.chance(0.5) ? extreme : any;
      for (const change of pending.slice(0, count)) applyName(left, change);
      const reachable = [...left].filter(([path]) => hasFolders(left, path));
      const files = reachable.flatMap(([path, what]) => (what === "folder" ? [] : [[path, what] as const]));
      const fates = chooseFates(
        files.flatMap(([, file]) => file.entries.filter(({ state }) => state !== "flushed")),
        style,
        random,
      );
      return {
        folders: reachable.flatMap(([path, what]) => (what === "folder" ? [path] : [])),
        files: new Map(files.map(([path, file]) => [path, contentAfter(file, fates, random)])),
      };
    },
    get unsettled() {
      const entries = [
        ...names.values(),
        ...pending.map((change) => (change.kind === "create" ? change.file : "folder")),
      ]
        .flatMap((file) => (file === "folder" ? [] : file.entries))
        .filter(({ state }) => state !== "flushed");
      return { content: new Set(entries).size, names: pending.length };
    },
  };
}

function flush(file: File): void {
  for (const entry of file.entries) if (entry.state === "pending") entry.state = "flushed";
  const certain = file.entries.findIndex(({ state }) => state !== "flushed");
  for (const { change } of file.entries.splice(0, certain === -1 ? file.entries.length : certain)) {
    file.content.apply(change);
  }
}

function applyName(names: Names, change: NameChange): void {
  switch (change.kind) {
    case "create":
      names.set(change.path, change.file);
      return;
    case "mkdir":
      names.set(change.path, "folder");
      return;
    case "rename": {
      const what = names.get(change.from);
      if (what === "folder") throw new Error(`Cannot replay the rename of "${change.from}": a folder`);
      if (what === undefined) throw new Error(`Cannot replay the rename of "${change.from}": there is no such file`);
      names.delete(change.from);
      names.set(change.to, what);
      return;
    }
    case "unlink":
    case "rmdir":
      names.delete(change.path);
  }
}

function nameOf(change: NameChange): string {
  return change.kind === "rename" ? change.to : change.path;
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}

function hasFolders(names: Names, path: string): boolean {
  const folder = folderOf(path);
  return folder === "" || (names.get(folder) === "folder" && hasFolders(names, folder));
}

/** What becomes of each change that was not flushed. */
function chooseFates(entries: readonly Entry[], style: Style, random: Random): ReadonlyMap<Entry, Fate> {
  const ordered = [...entries].sort((a, b) => a.at - b.at);
  const last = ordered.length - 1;
  const turn = random.below(ordered.length + 1);
  const [present, torn] = [random.next(), random.next()];
  const mixed = (): Fate => {
    if (random.chance(present)) return "present";
    if (random.chance(torn)) return "torn";
    return random.chance(0.25) ? "size" : "missing";
  };
  const fateBy: Readonly<Record<Style, (index: number) => Fate>> = {
    all: () => "present",
    none: () => "missing",
    newest: (index) => (index === last ? "present" : "missing"),
    prefix: (index) => (index === turn ? "torn" : index < turn ? "present" : "missing"),
    suffix: (index) => (index === turn ? "torn" : index > turn ? "present" : "missing"),
    torn: () => "torn",
    mixed,
  };
  return new Map(ordered.map((entry, index) => [entry, fateBy[style](index)]));
}

function contentAfter(file: File, fates: ReadonlyMap<Entry, Fate>, random: Random): Uint8Array {
  const content = file.content.copy();
  const remains = random.chance(0.5);
  for (const entry of file.entries) {
    const { change } = entry;
    const fate = fates.get(entry) ?? "present";
    if (fate === "missing") continue;
    if (fate === "present") content.apply(change);
    else if (change.kind === "write") applyPart(content, change, { fate, remains, random });
    else if (random.chance(0.5)) content.apply(change);
  }
  return content.bytes();
}

/** A write of which the disk has some sectors, or only the size of the file. */
function applyPart(
  content: Content,
  { offset, data }: Extract<Change, { kind: "write" }>,
  { fate, remains, random }: { readonly fate: Fate; readonly remains: boolean; readonly random: Random },
): void {
  const end = offset + data.length;
  const before = content.size;
  const likely = random.next();
  const sectors: Uint8Array[] = [];
  const starts: number[] = [];
  for (let from = offset; from < end;) {
    const to = Math.min(end, from - (from % SECTOR) + SECTOR);
    if (fate === "torn" && random.chance(likely)) {
      starts.push(from);
      sectors.push(data.subarray(from - offset, to - offset));
    }
    from = to;
  }
  if (end > before && (fate === "size" || random.chance(0.5))) {
    content.resize(end);
    // Only where nothing was before: what a hole between the old end and this write shows are zeros.
    if (remains) random.fill(content.part(Math.max(before, offset), end));
  }
  for (const [index, sector] of sectors.entries()) content.write(starts[index] ?? 0, sector);
}

/** Bytes that grow. */
class Content {
  #bytes = new Uint8Array(0);
  size = 0;

  apply(change: ContentChange): void {
    if (change.kind === "write") this.write(change.offset, change.data);
    else this.resize(change.size);
  }

  write(offset: number, data: Uint8Array): void {
    if (offset + data.length > this.size) this.resize(offset + data.length);
    this.#bytes.set(data, offset);
  }

  /** What is added, or was cut off before, reads as zeros. */
  resize(size: number): void {
    if (size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(size, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.size));
      this.#bytes = larger;
    }
    if (size < this.size) this.#bytes.fill(0, size, this.size);
    this.size = size;
  }

  part(from: number, to: number): Uint8Array {
    return this.#bytes.subarray(from, to);
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  copy(): Content {
    const copy = new Content();
    copy.#bytes = this.#bytes.slice(0, this.size);
    copy.size = this.size;
    return copy;
  }
}
