// Where blobs are kept, whichever kind of place that is.

import type { ByteReader } from "#provider";

export interface BlobInfo {
  /** Bytes. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly createdAt: number;
}

export interface BlobRef {
  readonly container: string;
  readonly name: string;
}

/** A part of a blob that stays what it is, also when the blob is replaced or deleted meanwhile. */
export interface BlobPart extends AsyncDisposable {
  readonly size: number;
  /** To be called once. Ends with an error when not all of the part can be had. */
  read(): ByteReader;
}

/** A blob that is being written, and has no name yet. Disposing it leaves nothing of it, unless it was finished. */
export interface Draft extends AsyncDisposable {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes it the blob of that name, in one step. It is there after a power cut. */
  finish(as: BlobRef): Promise<void>;
}

/** Functions reject with BlobFault when a component is to know why. */
export interface BlobStore extends AsyncDisposable {
  /** No fault when it exists. */
  createContainer(container: string): Promise<void>;
  /** Undefined when there is none. */
  containerInfo(container: string): Promise<{ readonly createdAt: number } | undefined>;
  /** With all blobs; no fault when there is none. */
  deleteContainer(container: string): Promise<void>;
  /** Undefined when there is none. */
  info(blob: BlobRef): Promise<BlobInfo | undefined>;
  /** `end` is the offset of the last byte; both may lie beyond the end of the blob. */
  open(blob: BlobRef, start: number, end: number): Promise<BlobPart>;
  /** At most `max` bytes. `container` is where it will go, as far as that is known; it may go elsewhere. */
  draft(max: number, container: string | undefined): Promise<Draft>;
  names(container: string): AsyncIterable<string>;
  /** No fault when there is none. */
  remove(blob: BlobRef): Promise<void>;
  /** Deletes all blobs of it. */
  clear(container: string): Promise<void>;
  copy(from: BlobRef, to: BlobRef): Promise<void>;
  move(from: BlobRef, to: BlobRef): Promise<void>;
}

/** What a component is told. */
export class BlobFault extends Error {
  override readonly name = "BlobFault";
}

export const noContainer = (): BlobFault => new BlobFault("there is no such container");
export const noBlob = (): BlobFault => new BlobFault("there is no such object");
export const tooLarge = (max: number): BlobFault => new BlobFault(`an object has at most ${max} bytes`);
export const full = (cause?: unknown): BlobFault => new BlobFault("the store is full", { cause });
export const finished = (): BlobFault => new BlobFault("the value is finished");
export const tooShort = (): BlobFault => new BlobFault("the object is shorter than it should be");
