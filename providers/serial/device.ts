import type { PortConfig } from "./config.ts";

/** An open port. */
export interface SerialDevice extends AsyncDisposable {
  /** Resolves with the reason when the device went away by itself, and with undefined when it was disposed. */
  readonly closed: Promise<Error | undefined>;
  /** Resolves when the kernel has taken all bytes. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was written has left the wire. */
  drain(): Promise<void>;
}

/** Opens a port and hands on what is read from it. A rejected call leaves nothing open. */
export type OpenSerialDevice = (config: PortConfig, onData: (chunk: Uint8Array) => void) => Promise<SerialDevice>;
