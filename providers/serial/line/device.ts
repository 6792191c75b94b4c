import type { LineConfig } from "./config.ts";
import type { InputSignals, OutputSignals } from "./terminal.ts";

/** An open port. */
export interface SerialDevice extends AsyncDisposable {
  /** Resolves with the reason when the device went away by itself, and with undefined when it was disposed. */
  readonly closed: Promise<Error | undefined>;
  /** Resolves when the kernel has taken all bytes. When aborted, a part of them may have been taken. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Resolves when what was written has left the wire. */
  drain(signal: AbortSignal): Promise<void>;
  /** @throws PetioleError ERR_DEVICE_UNSUPPORTED, ERR_DEVICE_ADDON */
  readSignals(): InputSignals;
  /** @throws PetioleError ERR_DEVICE_UNSUPPORTED, ERR_DEVICE_ADDON */
  driveSignals(signals: OutputSignals): void;
}

/**
 * Opens a port and hands on what is read from it; the bytes are only lent for the call. A rejected call leaves nothing
 * open.
 * @throws PetioleError ERR_DEVICE_MISSING, ERR_DEVICE_BUSY, ERR_DEVICE_DENIED, ERR_DEVICE_UNSUPPORTED, ERR_DEVICE_FAILED
 */
export type OpenSerialDevice = (config: LineConfig, onData: (chunk: Uint8Array) => void) => Promise<SerialDevice>;
