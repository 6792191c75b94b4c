// What a store holds, and what it may hold.

import { BlobFault, full } from "./store.ts";

export interface UsageLimits {
  /** Bytes of a container. */
  readonly maxContainer: number;
  /** Bytes of all, those that are being written included. */
  readonly maxTotal: number;
  /** Objects of a container. */
  readonly maxObjects: number;
}

export interface Usage {
  begin(container: string): void;
  /** For what is being written. @throws BlobFault when there is no room */
  reserve(bytes: number): void;
  release(bytes: number): void;
  /** `before`: the size of what is replaced. @throws BlobFault when there is no room */
  check(container: string, size: number, before: number | undefined): void;
  put(container: string, size: number, before: number | undefined): void;
  take(container: string, size: number): void;
  drop(container: string): void;
}

export function createUsage({ maxContainer, maxTotal, maxObjects }: UsageLimits): Usage {
  const containers = new Map<string, { bytes: number; objects: number }>();
  let total = 0;
  let reserved = 0;

  const of = (container: string): { bytes: number; objects: number } => {
    const known = containers.get(container);
    if (known !== undefined) return known;
    const made = { bytes: 0, objects: 0 };
    containers.set(container, made);
    return made;
  };

  return {
    begin: (container) => void of(container),
    reserve(bytes) {
      if (total + reserved + bytes > maxTotal) throw full();
      reserved += bytes;
    },
    release(bytes) {
      reserved -= bytes;
    },
    check(container, size, before) {
      const { bytes, objects } = of(container);
      if (bytes - (before ?? 0) + size > maxContainer) {
        throw new BlobFault(`a container has at most ${maxContainer} bytes`);
      }
      if (before === undefined && objects >= maxObjects) {
        throw new BlobFault(`a container has at most ${maxObjects} objects`);
      }
    },
    put(container, size, before) {
      const one = of(container);
      one.bytes += size - (before ?? 0);
      total += size - (before ?? 0);
      if (before === undefined) one.objects += 1;
    },
    take(container, size) {
      const one = of(container);
      one.bytes -= size;
      one.objects -= 1;
      total -= size;
    },
    drop(container) {
      total -= of(container).bytes;
      containers.delete(container);
    },
  };
}
