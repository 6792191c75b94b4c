// What has to be known of a FAT file system before something is written to it. By Microsoft's specification of FAT.

import type { ReadAt } from "./partitions.ts";

export interface FatSystem {
  readonly clusterSize: number;
  readonly clusters: number;
  /** Bytes that are free, in whole clusters. */
  readonly free: number;
}

/** A FAT has at most 2^28 entries of 4 bytes; no boot partition has a hundredth of that. */
const MAX_FAT = 16 * 1024 ** 2;

/** Undefined when there is no FAT file system at `offset`. */
export async function readFat(read: ReadAt, offset: number): Promise<FatSystem | undefined> {
  const boot = await read(offset, 512);
  if (boot.byteLength < 512) return undefined;
  const data = new DataView(boot.buffer, boot.byteOffset, boot.byteLength);
  const sectorSize = data.getUint16(11, true);
  const [perCluster, reserved, fats] = [data.getUint8(13), data.getUint16(14, true), data.getUint8(16)];
  const rootEntries = data.getUint16(17, true);
  const total = data.getUint16(19, true) || data.getUint32(32, true);
  const fatSectors = data.getUint16(22, true) || data.getUint32(36, true);
  if (data.getUint16(510, true) !== 0xaa55 || ![512, 1024, 2048, 4096].includes(sectorSize)) return undefined;
  if (perCluster === 0 || (perCluster & (perCluster - 1)) !== 0 || reserved === 0 || fats === 0) return undefined;
  // The file systems exFAT and NTFS, which look alike, have no FAT of this kind.
  if (fatSectors === 0 || total === 0) return undefined;
  const rootSectors = Math.ceil((rootEntries * 32) / sectorSize);
  const clusters = Math.floor((total - reserved - fats * fatSectors - rootSectors) / perCluster);
  if (clusters <= 0 || fatSectors * sectorSize > MAX_FAT) return undefined;
  const table = await read(offset + reserved * sectorSize, fatSectors * sectorSize);
  const clusterSize = perCluster * sectorSize;
  return { clusterSize, clusters, free: countFree(table, clusters) * clusterSize };
}

/** The number of clusters alone says how wide an entry is. */
function countFree(table: Uint8Array, clusters: number): number {
  const data = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const entry = (index: number): number => {
    if (clusters >= 65_525) return data.getUint32(index * 4, true) & 0x0fffffff;
    if (clusters >= 4085) return data.getUint16(index * 2, true);
    const pair = data.getUint16(Math.floor((index * 3) / 2), true);
    return index % 2 === 0 ? pair & 0xfff : pair >> 4;
  };
  const width = clusters >= 65_525 ? 4 : clusters >= 4085 ? 2 : 1.5;
  let free = 0;
  // The first two entries are no clusters.
  for (
    let index = 2;
    index < clusters + 2 && Math.floor(index * width) + Math.ceil(width) <= table.byteLength;
    index++
  ) {
    if (entry(index) === 0) free++;
  }
  return free;
}
