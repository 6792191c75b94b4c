// What the provider needs from an I2C bus.

export type Operation =
  | { readonly tag: "read"; readonly length: number }
  | { readonly tag: "write"; readonly bytes: Uint8Array };

/** Which acknowledgement was missing. */
export type NoAcknowledgeSource = "address" | "data" | "unknown";

export type I2cErrorReason =
  | { readonly tag: "bus" | "arbitration-loss" | "overrun" | "other" }
  | { readonly tag: "no-acknowledge"; readonly val: NoAcknowledgeSource };

/** A transaction that failed, in the words of `wasi:i2c`. */
export class I2cError extends Error {
  override readonly name = "I2cError";
  readonly reason: I2cErrorReason;

  constructor(reason: I2cErrorReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export interface Bus extends AsyncDisposable {
  /** What errors call it. */
  readonly what: string;
  /** Opens it when it is not open. @throws PetioleError ERR_DEVICE_… */
  open(): void;
  /** Whether a driver of the kernel has the address for itself. @throws PetioleError ERR_DEVICE_… */
  isClaimed(address: number): boolean;
  /**
   * One transaction: the operations with a repeated start between them. Gives what each read got. Transactions run one
   * after another.
   * @throws I2cError, PetioleError ERR_DEVICE_…
   */
  transfer(address: number, operations: readonly Operation[]): Promise<readonly Uint8Array[]>;
}

/** Most operations of one transaction, and most bytes of one of them: what Linux takes. */
export const MAX_OPERATIONS = 42;
export const MAX_LENGTH = 8192;
