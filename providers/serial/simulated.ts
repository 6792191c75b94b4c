import type { OpenSerialDevice, SerialDevice } from "./device.ts";

/** A serial cable in memory. The provider holds the near end through `open`; whoever made it holds the far end. */
export interface SimulatedCable {
  readonly open: OpenSerialDevice;
  /** Sends towards the provider; what arrives while no port is open is gone. */
  write(bytes: string | Uint8Array): void;
  /** Waits until at least `length` bytes have come from the provider, and takes all that is there. */
  read(length: number): Promise<Buffer>;
  plug(): void;
  unplug(): Promise<void>;
}

/** The device is plugged in from the start. */
export function createSimulatedCable(): SimulatedCable {
  let plugged = true;
  let received = Buffer.alloc(0);
  let wake = Promise.withResolvers<void>();
  let near: { readonly onData: (chunk: Uint8Array) => void; close(reason: Error | undefined): void } | undefined;

  return {
    open: async (config, onData) => {
      if (!plugged) throw new Error(`no such file or directory, cannot open ${config.path}`);
      if (near !== undefined) throw new Error(`cannot lock port ${config.path}`);
      const closed = Promise.withResolvers<Error | undefined>();
      const end = {
        onData,
        close: (reason: Error | undefined): void => {
          if (near === end) near = undefined;
          closed.resolve(reason);
        },
      };
      near = end;
      const device: SerialDevice = {
        closed: closed.promise,
        write: async (bytes) => {
          if (near !== end) throw new Error("the port is not open");
          received = Buffer.concat([received, bytes]);
          wake.resolve();
          wake = Promise.withResolvers();
        },
        drain: async () => {
          if (near !== end) throw new Error("the port is not open");
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
    plug: () => {
      plugged = true;
    },
    async unplug() {
      plugged = false;
      near?.close(new Error("the line was hung up"));
    },
  };
}
