// The calls of /dev/i2c-N, as linux/i2c-dev.h and linux/i2c.h lay them out on 64-bit machines.

import type { Pointer } from "#provider";
import type { Operation } from "./bus.ts";

export const CALL = {
  /** How long the adapter waits for a device, in units of 10 ms. */
  timeout: 0x0702,
  /** Chooses an address, for calls that petiole does not use; fails when a driver of the kernel has it. */
  slave: 0x0703,
  /** What the adapter can do, into an unsigned long. */
  functions: 0x0705,
  /** One transaction. */
  transfer: 0x0707,
} as const;

/** The adapter takes plain messages, not only those of SMBus. */
export const FUNCTION_I2C = 1n;

const MESSAGE_SIZE = 16;
const FLAG_READ = 1;

export interface Transfer {
  readonly argument: Uint8Array;
  readonly pointers: readonly Pointer[];
  /** Of each read, in their order; filled by the call. */
  readonly reads: readonly Uint8Array[];
}

/** The argument of `CALL.transfer`: a list of messages, each with a buffer of its own. */
export function encodeTransfer(address: number, operations: readonly Operation[]): Transfer {
  const messages = Buffer.alloc(operations.length * MESSAGE_SIZE);
  const argument = Buffer.alloc(16);
  argument.writeUInt32LE(operations.length, 8);
  const pointers: Pointer[] = [{ holder: argument, offset: 0, target: messages }];
  const reads: Uint8Array[] = [];
  for (const [index, operation] of operations.entries()) {
    const at = index * MESSAGE_SIZE;
    // The kernel writes into what is read, and what is written must not change meanwhile.
    const buffer = operation.tag === "read" ? new Uint8Array(operation.length) : Uint8Array.from(operation.bytes);
    messages.writeUInt16LE(address, at);
    messages.writeUInt16LE(operation.tag === "read" ? FLAG_READ : 0, at + 2);
    messages.writeUInt16LE(buffer.length, at + 4);
    pointers.push({ holder: messages, offset: at + 8, target: buffer });
    if (operation.tag === "read") reads.push(buffer);
  }
  return { argument, pointers, reads };
}
