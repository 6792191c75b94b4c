import { PetioleError, createExclusive, reasonOf, type DeviceIo, type ErrorCode, type Millis } from "#provider";
import { I2cError, type Bus, type I2cErrorReason } from "./bus.ts";
import { CALL, FUNCTION_I2C, encodeTransfer } from "./uapi.ts";

export interface KernelBusOptions {
  /** Such as /dev/i2c-1. */
  readonly path: string;
  /** How long the adapter waits for a device that holds the clock; the driver's own limit unless given. */
  readonly timeout?: Millis | undefined;
}

/** See Documentation/i2c/fault-codes.rst of the kernel. */
const FAULTS: Readonly<Record<string, I2cErrorReason>> = {
  ENXIO: { tag: "no-acknowledge", val: "address" },
  EREMOTEIO: { tag: "no-acknowledge", val: "unknown" },
  EAGAIN: { tag: "arbitration-loss" },
  EIO: { tag: "bus" },
  ETIMEDOUT: { tag: "bus" },
  EPROTO: { tag: "bus" },
  EBUSY: { tag: "bus" },
  EOVERFLOW: { tag: "overrun" },
};

const OPENING: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ENOENT: ["ERR_DEVICE_MISSING", "there is no such device; is the bus switched on, and the module i2c-dev loaded?"],
  ENODEV: ["ERR_DEVICE_MISSING", "the device is gone"],
  ENXIO: ["ERR_DEVICE_MISSING", "the device is gone"],
  EACCES: ["ERR_DEVICE_DENIED", "its group may use it, most often i2c"],
  EPERM: ["ERR_DEVICE_DENIED", "its group may use it, most often i2c"],
  EBUSY: ["ERR_DEVICE_BUSY", "another program holds it"],
  ENOTTY: ["ERR_DEVICE_UNSUPPORTED", "it is no I2C bus"],
};

const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

/** A bus of the kernel. One that was unplugged is opened again by the next transaction that finds it there. */
export function createKernelBus(io: DeviceIo, { path, timeout }: KernelBusOptions): Bus {
  const exclusive = createExclusive();
  let descriptor: number | undefined;
  let ended = false;

  const failure = (error: unknown): unknown => {
    if (error instanceof PetioleError || codeOf(error) === "") return error;
    const [code, meaning] = OPENING[codeOf(error)] ?? ["ERR_DEVICE_FAILED", "it failed"];
    return new PetioleError(code, `Cannot use "${path}": ${meaning} (${reasonOf(error)})`, { cause: error });
  };

  function open(): number {
    if (ended) throw new PetioleError("ERR_PROVIDER_STOPPED", `Cannot use "${path}": its provider has stopped`);
    if (descriptor !== undefined) return descriptor;
    let opened: number | undefined;
    try {
      opened = io.open(path);
      const functions = Buffer.alloc(8);
      io.ioctl(opened, CALL.functions, functions);
      if ((functions.readBigUInt64LE() & FUNCTION_I2C) === 0n) {
        const reason = "its adapter takes no plain I2C messages, only those of SMBus";
        throw new PetioleError("ERR_DEVICE_UNSUPPORTED", `Cannot use "${path}": ${reason}`);
      }
      if (timeout !== undefined) io.ioctl(opened, CALL.timeout, Math.max(1, Math.round(timeout / 10)));
    } catch (error) {
      if (opened !== undefined) io.close(opened);
      throw failure(error);
    }
    return (descriptor = opened);
  }

  function close(): void {
    if (descriptor !== undefined) io.close(descriptor);
    descriptor = undefined;
  }

  return {
    what: path,
    open: () => void open(),
    isClaimed(address) {
      try {
        io.ioctl(open(), CALL.slave, address);
        return false;
      } catch (error) {
        if (codeOf(error) === "EBUSY") return true;
        throw failure(error);
      }
    },
    transfer: (address, operations) =>
      exclusive.run(async () => {
        const opened = open();
        const { argument, pointers, reads } = encodeTransfer(address, operations);
        try {
          await io.ioctlLater(opened, CALL.transfer, argument, pointers);
        } catch (error) {
          const code = codeOf(error);
          if (code === "ENODEV") {
            close();
            throw failure(error);
          }
          if (code === "") throw error;
          const message = `A transaction with address 0x${address.toString(16)} failed: ${reasonOf(error)}`;
          throw new I2cError(FAULTS[code] ?? { tag: "other" }, message, { cause: error });
        }
        return reads;
      }),
    // A transaction that runs has the descriptor still.
    [Symbol.asyncDispose]: () =>
      exclusive.run(async () => {
        ended = true;
        close();
      }),
  };
}
