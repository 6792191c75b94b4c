import { read as readCallback, write as writeCallback } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { SerialPort } from "serialport";
import { PetioleError, isErrno, openDeviceIo, type DeviceIo } from "#provider";
import type { LineConfig } from "./config.ts";
import type { OpenSerialDevice } from "./device.ts";
import { openingError } from "./errors.ts";
import { guardBinding, whenReady, type LinuxBinding } from "./guard.ts";
import { bytesToSend, discardOutput, driveSignals, enableRs485, readSignals } from "./terminal.ts";

const read = promisify(readCallback);
const write = promisify(writeCallback);

/** What a terminal gives at once, at most. */
const READ_SIZE = 4096;
/** Milliseconds after which a line that may be stalled is looked at again. */
const LOOK = 50;
/** Milliseconds that closing gives what was not sent yet. */
const LEAVING = 1000;

/** Opens a port through the binding of the `serialport` package. Reading and writing are done here. */
export const openSerialPort: OpenSerialDevice = async (config, onData) => {
  const binding = await openBinding(config);
  const { fd, poller } = binding;
  if (fd === null) throw new Error("A port that was just opened has no descriptor");
  const io = findDeviceIo();
  try {
    if (config.rs485 !== undefined) enableRs485(io ?? openDeviceIo(), fd, config);
  } catch (error) {
    await binding.close();
    throw error;
  }
  const closed = Promise.withResolvers<Error | undefined>();
  const closing = new AbortController();
  /** Writings that have begun. The descriptor is closed after them: its number may be given to another file then. */
  const busy = new Set<Promise<void>>();

  // A port that nobody reads would not notice that its device is gone.
  const reading = (async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(READ_SIZE);
    while (!closing.signal.aborted) {
      try {
        const { bytesRead } = await read(fd, buffer, 0, READ_SIZE, null);
        // A terminal that waits for at least one byte returns nothing only after it was hung up, and then for ever.
        if (bytesRead === 0) throw new Error("the line was hung up");
        onData(buffer.subarray(0, bytesRead));
      } catch (error) {
        if (isErrno(error, "EINTR")) continue;
        if (!isErrno(error, "EAGAIN")) throw error;
        await whenReady(poller, "readable", closing.signal);
      }
    }
  })().then(
    () => closed.resolve(undefined),
    (error: unknown) => closed.resolve(closing.signal.aborted ? undefined : toError(error)),
  );

  const usable = (): number => {
    closing.signal.throwIfAborted();
    return fd;
  };
  const writeAll = async (bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
    const either = AbortSignal.any([signal, closing.signal]);
    for (let at = 0; at < bytes.length;) {
      either.throwIfAborted();
      try {
        const { bytesWritten } = await write(fd, bytes, at);
        at += bytesWritten;
      } catch (error) {
        if (isErrno(error, "EINTR")) continue;
        if (!isErrno(error, "EAGAIN")) throw error;
        await whenReady(poller, "writable", either);
      }
    }
  };

  return {
    closed: closed.promise,
    async write(bytes, signal) {
      const writing = writeAll(bytes, signal);
      const settled = writing.catch(() => {});
      busy.add(settled);
      try {
        await writing;
      } finally {
        busy.delete(settled);
      }
    },
    async drain(signal) {
      closing.signal.throwIfAborted();
      if (io !== undefined) await emptied(io, fd, config, AbortSignal.any([signal, closing.signal]));
      // Waits in a thread of the pool: by now for what the chip holds, which is little.
      await unlessAborted(binding.drain(), signal);
    },
    readSignals: () => readSignals(io ?? openDeviceIo(), usable()),
    driveSignals: (signals) => driveSignals(io ?? openDeviceIo(), usable(), signals),
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return await reading;
      closing.abort(new Error("the port was closed"));
      poller.stop();
      await Promise.all([reading, ...busy]);
      try {
        if (io !== undefined) await leaveNothing(io, fd, config);
      } finally {
        await binding.close();
      }
    },
  };
};

async function openBinding(config: LineConfig): Promise<LinuxBinding> {
  let binding;
  try {
    binding = await SerialPort.binding.open({
      path: config.path,
      baudRate: config.baud_rate,
      dataBits: config.data_bits,
      parity: config.parity,
      stopBits: config.stop_bits,
      rtscts: config.flow_control === "hardware",
      xon: config.flow_control === "software",
      xoff: config.flow_control === "software",
      hupcl: config.hang_up_on_close,
      lock: true,
    });
  } catch (error) {
    throw openingError(config.path, error);
  }
  try {
    return guardBinding(binding);
  } catch (error) {
    await binding.close();
    throw error;
  }
}

/** Undefined where the add-on was not built: only RS-485 and the signals need it. */
function findDeviceIo(): DeviceIo | undefined {
  try {
    return openDeviceIo();
  } catch (error) {
    if (error instanceof PetioleError) return undefined;
    throw error;
  }
}

/** Waits until the kernel has handed the last byte to the chip. */
async function emptied(io: DeviceIo, fd: number, { baud_rate }: LineConfig, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const waiting = bytesToSend(io, fd);
    if (waiting === 0) return;
    const bits = 11;
    await sleep(Math.min(Math.ceil((waiting * bits * 1000) / baud_rate), LOOK), undefined, { signal });
  }
}

/**
 * Closing a port waits in the kernel until everything has been sent, on a stalled line for half a minute: what is left is
 * given a second, and thrown away then.
 */
async function leaveNothing(io: DeviceIo, fd: number, config: LineConfig): Promise<void> {
  try {
    await emptied(io, fd, config, AbortSignal.timeout(LEAVING));
  } catch {
    // Stalled, or the device is gone.
  }
  discardOutput(io, fd);
}

async function unlessAborted(task: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([task, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
