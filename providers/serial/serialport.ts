import { SerialPort } from "serialport";
import type { OpenSerialDevice } from "./device.ts";
import { guardBinding } from "./guard.ts";

/** Opens a port through the `serialport` package. */
export const openSerialPort: OpenSerialDevice = async (config, onData) => {
  const port = new SerialPort({
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
    autoOpen: false,
  });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => (error === null ? resolve() : reject(error)));
  });
  try {
    guardBinding(port.port);
  } catch (error) {
    await new Promise<void>((resolve) => port.close(() => resolve()));
    throw error;
  }

  const closed = Promise.withResolvers<Error | undefined>();
  port.once("close", (error: Error | null) => closed.resolve(error ?? undefined));
  // A failed write is reported to its caller, and a lost device by `close`.
  port.on("error", () => {});
  // A port that nobody reads would not notice that its device is gone.
  port.on("data", onData);

  return {
    closed: closed.promise,
    write: async (bytes) =>
      await new Promise((resolve, reject) => {
        port.write(Buffer.from(bytes), (error) => (error ? reject(error) : resolve()));
      }),
    drain: async () =>
      await new Promise((resolve, reject) => {
        port.drain((error) => (error === null ? resolve() : reject(error)));
      }),
    async [Symbol.asyncDispose]() {
      if (port.isOpen) port.close();
      await closed.promise;
      port.destroy();
    },
  };
};
