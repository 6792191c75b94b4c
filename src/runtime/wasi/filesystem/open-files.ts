// What one instance has open of the file system.

import { closeSync } from "node:fs";
import { MAX_READ } from "../streams.ts";
import { FsError } from "./errors.ts";

/** Descriptors, streams that append and directory streams of one instance at a time. */
export const MAX_OPEN_FILES = 128;

/** An open file or directory. It is closed when nobody holds it any more. */
export interface OpenFile {
  readonly fd: number;
  /** One more that has to `release` it. */
  hold(): void;
  release(): void;
}

/** Disposing it closes all that is open. */
export class OpenFiles implements Disposable {
  readonly #open = new Map<object, () => void>();
  #scratch: Uint8Array | undefined;
  #disposed = false;

  /** Where reads go before it is known how much they give. */
  get scratch(): Uint8Array {
    return (this.#scratch ??= new Uint8Array(MAX_READ));
  }

  get count(): number {
    return this.#open.size;
  }

  /** Opens by `open` and takes the file over, held once. @throws FsError `quota` when too much is open */
  open(open: () => number): OpenFile {
    const { value: fd, close } = this.track(open, closeSync);
    let holders = 1;
    return {
      fd,
      hold: () => {
        holders++;
      },
      release: () => {
        if (--holders === 0) close();
      },
    };
  }

  /** As `open()` for what is no plain file. @throws FsError `quota` when too much is open */
  track<T>(open: () => T, close: (value: T) => void): { readonly value: T; readonly close: () => void } {
    if (this.#disposed || this.#open.size >= MAX_OPEN_FILES) throw new FsError("quota");
    const value = open();
    const key = {};
    this.#open.set(key, () => close(value));
    return {
      value,
      close: () => {
        if (this.#open.delete(key)) close(value);
      },
    };
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    const closing = [...this.#open.values()];
    this.#open.clear();
    for (const close of closing) close();
  }
}
