// What is known of a file, in the terms of wasi:filesystem.

import type { BigIntStats, Dirent } from "node:fs";
import { FsError } from "./errors.ts";

export type DescriptorType =
  | "unknown"
  | "block-device"
  | "character-device"
  | "directory"
  | "fifo"
  | "symbolic-link"
  | "regular-file"
  | "socket";

export interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

export interface DescriptorStat {
  readonly type: DescriptorType;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime | undefined;
  readonly dataModificationTimestamp: Datetime | undefined;
  readonly statusChangeTimestamp: Datetime | undefined;
}

export type NewTimestamp =
  | { readonly tag: "no-change" }
  | { readonly tag: "now" }
  | { readonly tag: "timestamp"; readonly val: Datetime };

export interface MetadataHash {
  readonly lower: bigint;
  readonly upper: bigint;
}

const NANOSECONDS = 1_000_000_000n;

export function typeOf(file: Pick<BigIntStats | Dirent, TypeTest>): DescriptorType {
  if (file.isFile()) return "regular-file";
  if (file.isDirectory()) return "directory";
  if (file.isSymbolicLink()) return "symbolic-link";
  if (file.isCharacterDevice()) return "character-device";
  if (file.isBlockDevice()) return "block-device";
  if (file.isFIFO()) return "fifo";
  return file.isSocket() ? "socket" : "unknown";
}

type TypeTest =
  | "isFile"
  | "isDirectory"
  | "isSymbolicLink"
  | "isCharacterDevice"
  | "isBlockDevice"
  | "isFIFO"
  | "isSocket";

export function descriptorStat(stats: BigIntStats): DescriptorStat {
  return {
    type: typeOf(stats),
    linkCount: stats.nlink,
    size: stats.size,
    dataAccessTimestamp: datetime(stats.atimeNs),
    dataModificationTimestamp: datetime(stats.mtimeNs),
    statusChangeTimestamp: datetime(stats.ctimeNs),
  };
}

/** Undefined for what was before 1970: WASI has no such time. */
function datetime(nanoseconds: bigint): Datetime | undefined {
  if (nanoseconds < 0n) return undefined;
  return { seconds: nanoseconds / NANOSECONDS, nanoseconds: Number(nanoseconds % NANOSECONDS) };
}

/** The same for the same file until it is removed: libraries take it for the number of an inode. */
export function metadataHash({ dev, ino }: BigIntStats): MetadataHash {
  const { createHash } = process.getBuiltinModule("node:crypto");
  const digest = createHash("sha256").update(`${dev}:${ino}`).digest();
  return { lower: digest.readBigUInt64LE(0), upper: digest.readBigUInt64LE(8) };
}

// 64-bit seconds of files are good until then; a larger number would be none any more when it is a double.
const LAST_SECOND = 2n ** 40n;

/** Seconds since 1970 as Node takes them, which keeps about a quarter of a microsecond. */
export function unixSeconds(wanted: NewTimestamp, presentNanoseconds: bigint, nowMilliseconds: number): number | Date {
  switch (wanted.tag) {
    case "no-change":
      // A number below zero would mean now.
      return presentNanoseconds < 0n
        ? new Date(Number(presentNanoseconds / 1_000_000n))
        : Number(presentNanoseconds) / 1e9;
    case "now":
      return nowMilliseconds / 1000;
    case "timestamp":
    default:
      if (wanted.val.seconds > LAST_SECOND || wanted.val.nanoseconds >= NANOSECONDS) throw new FsError("invalid");
      return Number(wanted.val.seconds) + wanted.val.nanoseconds / 1e9;
  }
}
