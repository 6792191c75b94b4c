import { read as readCallback, write as writeCallback } from "node:fs";
import { promisify } from "node:util";
import { SerialPort } from "serialport";
import { isErrno } from "#provider";
import type { LineConfig } from "./config.ts";
import type { OpenSerialDevice } from "./device.ts";
import { openingError } from "./errors.ts";
import { guardBinding, whenReady, type LinuxBinding } from "./guard.ts";

const read = promisify(readCallback);
const write = promisify(writeCallback);

/** What a terminal gives at once, at most. */
const READ_SIZE = 4096;

/** Opens a port through the binding of the `serialport` package. Reading and writing are done here. */
export const openSerialPort: OpenSerialDevice = async (config, onData) => {
  const binding = await openBinding(config);
  const { fd, poller } = binding;
  if (fd === null) throw new Error("A port that was just opened has no descriptor");
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

  const writeAll = async (bytes: Uint8Array, signal: AbortSignal): Promise<void> => {
    const either = AbortSignal.any([signal, closing.signal]);
    for (let at = 0; at < bytes.length; ) {
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
      signal.throwIfAborted();
      closing.signal.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const abort = (): void => aborted.reject(signal.reason as Error);
      signal.addEventListener("abort", abort, { once: true });
      try {
        await Promise.race([binding.drain(), aborted.promise]);
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
    async [Symbol.asyncDispose]() {
      if (closing.signal.aborted) return await reading;
      closing.abort(new Error("the port was closed"));
      poller.stop();
      await Promise.all([reading, ...busy]);
      await binding.close();
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

const toError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
