// What the recorder of shim.c wrote down: changes of the watched folder, in the order in which the kernel saw them.

/** Paths are relative to the watched folder; the folder itself is "". Inodes may be reused after their last name went. */
export type Change =
  | { readonly kind: "create"; readonly inode: bigint; readonly path: string }
  | { readonly kind: "write"; readonly inode: bigint; readonly offset: number; readonly data: Uint8Array }
  | { readonly kind: "truncate"; readonly inode: bigint; readonly size: number }
  | { readonly kind: "sync"; readonly inode: bigint }
  | { readonly kind: "sync-folder"; readonly path: string }
  | { readonly kind: "sync-all" }
  | { readonly kind: "sync-failed"; readonly inode: bigint }
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | { readonly kind: "unlink"; readonly path: string }
  | { readonly kind: "mkdir"; readonly path: string }
  | { readonly kind: "rmdir"; readonly path: string };

export type FileRecord =
  | Change
  /** A process was started under the recorder. */
  | { readonly kind: "start"; readonly pid: number }
  | { readonly kind: "close"; readonly inode: bigint }
  /** What the process wrote to the file of marks, in one call. */
  | { readonly kind: "mark"; readonly text: string };

interface Fields {
  readonly inode: bigint;
  readonly offset: number;
  readonly pid: number;
  readonly path: string;
  readonly other: string;
  readonly data: Uint8Array;
}

/** By the numbers of `enum op` in shim.c. */
const MAKERS: readonly (((fields: Fields) => FileRecord) | undefined)[] = [
  undefined,
  ({ pid }) => ({ kind: "start", pid }),
  ({ inode, path }) => ({ kind: "create", inode, path }),
  ({ inode, offset, data }) => ({ kind: "write", inode, offset, data }),
  ({ inode, offset }) => ({ kind: "truncate", inode, size: offset }),
  ({ inode }) => ({ kind: "sync", inode }),
  ({ path }) => ({ kind: "sync-folder", path }),
  () => ({ kind: "sync-all" }),
  ({ inode }) => ({ kind: "sync-failed", inode }),
  ({ path, other }) => ({ kind: "rename", from: path, to: other }),
  ({ path }) => ({ kind: "unlink", path }),
  ({ path }) => ({ kind: "mkdir", path }),
  ({ path }) => ({ kind: "rmdir", path }),
  ({ inode }) => ({ kind: "close", inode }),
  ({ data }) => ({ kind: "mark", text: new TextDecoder().decode(data) }),
];

const MAGIC = 0x46544c50;
const HEADER_SIZE = 40;

/** @throws Error for what is no whole log */
export function parseRecords(log: Uint8Array): readonly FileRecord[] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const decoder = new TextDecoder();
  const records: FileRecord[] = [];
  for (let at = 0; at < log.byteLength;) {
    if (at + HEADER_SIZE > log.byteLength || view.getUint32(at, true) !== MAGIC) {
      throw new Error(`Cannot parse the log: no record at ${at} of ${log.byteLength}`);
    }
    const make = MAKERS[view.getUint32(at + 4, true)];
    if (make === undefined) throw new Error(`Cannot parse the log: the record at ${at} is of no known kind`);
    const inode = view.getBigUint64(at + 8, true);
    const offset = Number(view.getBigInt64(at + 16, true));
    const pid = view.getUint32(at + 36, true);
    const take = (length: number): Uint8Array => {
      if (at + length > log.byteLength) throw new Error(`Cannot parse the log: it ends within the record before ${at}`);
      const taken = log.subarray(at, at + length);
      at += length;
      return taken;
    };
    const lengths = [24, 28, 32].map((field) => view.getUint32(at + field, true));
    at += HEADER_SIZE;
    const [path, other, data] = lengths.map(take) as [Uint8Array, Uint8Array, Uint8Array];
    records.push(make({ inode, offset, pid, path: decoder.decode(path), other: decoder.decode(other), data }));
  }
  return records;
}
