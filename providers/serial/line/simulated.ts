import { PetioleError } from "#provider";
import type { OpenSerialDevice, SerialDevice } from "./device.ts";

/** A serial cable in memory. The provider holds the near end through `open`; whoever made it holds the far end. */
export interface SimulatedCable {
  readonly open: OpenSerialDevice;
  /** Sends towards the provider; what arrives while no port is open is gone. */
  write(bytes: string | Uint8Array): void;
  /** Waits until at least `length` bytes have come from the provider, and takes all that is there. */
  read(length: number): Promise<Buffer>;
  /** The far end stops taking bytes, or goes on. */
  stall(stalled: boolean): void;
  plug(): void;
  unplug(): Promise<void>;
}

/** Bytes that a stalled line takes before a writing has to wait. */
const ROOM = 4096;

/** The device is plugged in from the start. */
export function createSimulatedCable(): SimulatedCable {
  let plugged = true;
  let isStalled = false;
  let received = Buffer.alloc(0);
  let wake = Promise.withResolvers<void>();
  let flowing = Promise.withResolvers<void>();
  let near: { readonly onData: (chunk: Uint8Array) => void; close(reason: Error | undefined): void } | undefined;

  return {
    open: async ({ path }, onData) => {
      if (!plugged) throw new PetioleError("ERR_DEVICE_MISSING", `Cannot open "${path}": there is no such device`);
      if (near !== undefined) throw new PetioleError("ERR_DEVICE_BUSY", `Cannot open "${path}": it is open already`);
      const closed = Promise.withResolvers<Error | undefined>();
      const end = {
        onData,
        close: (reason: Error | undefined): void => {
          if (near === end) near = undefined;
          closed.resolve(reason);
        },
      };
      near = end;
      const usable = async (signal: AbortSignal): Promise<void> => {
        const aborted = Promise.withResolvers<void>();
        const abort = (): void => aborted.resolve();
        signal.addEventListener("abort", abort, { once: true });
        if (isStalled) await Promise.race([flowing.promise, closed.promise, aborted.promise]);
        signal.removeEventListener("abort", abort);
        signal.throwIfAborted();
        if (near !== end) throw new Error("the port is not open");
      };
      const device: SerialDevice = {
        closed: closed.promise,
        write: async (bytes, signal) => {
          if (received.length + bytes.length > ROOM) await usable(signal);
          if (near !== end) throw new Error("the port is not open");
          received = Buffer.concat([received, bytes]);
          wake.resolve();
          wake = Promise.withResolvers();
        },
        drain: async (signal) => await usable(signal),
        readSignals: () => {
          throw new PetioleError("ERR_DEVICE_UNSUPPORTED", "A cable in memory has no signals");
        },
        driveSignals: () => {
          throw new PetioleError("ERR_DEVICE_UNSUPPORTED", "A cable in memory has no signals");
        },
        [Symbol.asyncDispose]: async () => end.close(undefined),
      };
      return device;
    },
    write: (bytes) => near?.onData(Buffer.from(bytes)),
    async read(length) {
      while (received.length < length) await wake.promise;
      const all = received;
      received = Buffer.alloc(0);
      return all;
    },
    stall: (stalled) => {
      isStalled = stalled;
      if (stalled) flowing = Promise.withResolvers();
      else flowing.resolve();
    },
    plug: () => {
      plugged = true;
    },
    async unplug() {
      plugged = false;
      near?.close(new Error("the line was hung up"));
    },
  };
}
