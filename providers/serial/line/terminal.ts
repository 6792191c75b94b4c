// What the kernel's terminals can besides reading and writing: numbers and structs of its uAPI (asm-generic/ioctls.h,
// linux/serial.h), the same on x86-64 and arm64.

import { PetioleError, isErrno, type DeviceIo } from "#provider";
import type { LineConfig } from "./config.ts";

const TCFLSH = 0x540b;
const TIOCOUTQ = 0x5411;
const TIOCMGET = 0x5415;
const TIOCMSET = 0x5418;
const TIOCSBRK = 0x5427;
const TIOCCBRK = 0x5428;
const TIOCSRS485 = 0x542f;

const TCOFLUSH = 1;

const MODEM = { dtr: 0x002, rts: 0x004, cts: 0x020, dcd: 0x040, ring: 0x080, dsr: 0x100 } as const;

const RS485 = {
  enabled: 1 << 0,
  rtsOnSend: 1 << 1,
  rtsAfterSend: 1 << 2,
  receiveWhileSending: 1 << 4,
  terminate: 1 << 5,
} as const;
const RS485_SIZE = 32;

/** The kernel's `struct serial_rs485`. */
export function packRs485(config: NonNullable<LineConfig["rs485"]>): Uint8Array {
  const flags =
    RS485.enabled |
    (config.rts_on_send === "high" ? RS485.rtsOnSend : RS485.rtsAfterSend) |
    (config.receive_while_sending ? RS485.receiveWhileSending : 0) |
    (config.terminate ? RS485.terminate : 0);
  const struct = Buffer.alloc(RS485_SIZE);
  struct.writeUInt32LE(flags, 0);
  struct.writeUInt32LE(config.delay_before, 4);
  struct.writeUInt32LE(config.delay_after, 8);
  return struct;
}

/** @throws PetioleError ERR_DEVICE_UNSUPPORTED when the driver does not switch between sending and receiving */
export function enableRs485(io: DeviceIo, fd: number, { path, rs485 }: LineConfig): void {
  if (rs485 === undefined) return;
  try {
    io.ioctl(fd, TIOCSRS485, packRs485(rs485));
  } catch (cause) {
    const found = `its driver cannot switch an RS-485 line (${String(cause)})`;
    throw new PetioleError("ERR_DEVICE_UNSUPPORTED", `Cannot open "${path}": ${found}`, { cause });
  }
}

/** Bytes that the kernel has taken and not sent. */
export function bytesToSend(io: DeviceIo, fd: number): number {
  const count = Buffer.alloc(4);
  io.ioctl(fd, TIOCOUTQ, count);
  return count.readInt32LE();
}

/** Throws away what the kernel has taken and not sent; nothing when the device is gone. */
export function discardOutput(io: DeviceIo, fd: number): void {
  try {
    io.ioctl(fd, TCFLSH, TCOFLUSH);
  } catch (error) {
    if (!isErrno(error, "EIO") && !isErrno(error, "ENXIO") && !isErrno(error, "ENODEV") && !isErrno(error, "ENOTTY"))
      throw error;
  }
}

export interface InputSignals {
  readonly clearToSend: boolean;
  readonly dataSetReady: boolean;
  readonly dataCarrierDetect: boolean;
  readonly ringIndicator: boolean;
}

/** Undefined leaves a signal as it is. */
export interface OutputSignals {
  readonly dataTerminalReady?: boolean | undefined;
  readonly requestToSend?: boolean | undefined;
  readonly break?: boolean | undefined;
}

/** @throws PetioleError ERR_DEVICE_UNSUPPORTED where there are no such lines, as on a pseudo-terminal */
export function readSignals(io: DeviceIo, fd: number): InputSignals {
  const bits = modemBits(io, fd);
  return {
    clearToSend: (bits & MODEM.cts) !== 0,
    dataSetReady: (bits & MODEM.dsr) !== 0,
    dataCarrierDetect: (bits & MODEM.dcd) !== 0,
    ringIndicator: (bits & MODEM.ring) !== 0,
  };
}

/** @throws PetioleError ERR_DEVICE_UNSUPPORTED as above */
export function driveSignals(io: DeviceIo, fd: number, signals: OutputSignals): void {
  const old = modemBits(io, fd);
  const bits = withBit(withBit(old, MODEM.dtr, signals.dataTerminalReady), MODEM.rts, signals.requestToSend);
  if (bits !== old) {
    const argument = Buffer.alloc(4);
    argument.writeInt32LE(bits);
    orUnsupported(() => io.ioctl(fd, TIOCMSET, argument));
  }
  const isBreak = signals.break;
  if (isBreak !== undefined) orUnsupported(() => io.ioctl(fd, isBreak ? TIOCSBRK : TIOCCBRK, 0));
}

function withBit(bits: number, bit: number, value: boolean | undefined): number {
  if (value === undefined) return bits;
  return value ? bits | bit : bits & ~bit;
}

function modemBits(io: DeviceIo, fd: number): number {
  const bits = Buffer.alloc(4);
  orUnsupported(() => io.ioctl(fd, TIOCMGET, bits));
  return bits.readInt32LE();
}

function orUnsupported(task: () => unknown): void {
  try {
    task();
  } catch (cause) {
    if (!isErrno(cause, "ENOTTY") && !isErrno(cause, "EINVAL")) throw cause;
    throw new PetioleError("ERR_DEVICE_UNSUPPORTED", "Cannot use the signals of a serial port: it has none", { cause });
  }
}
