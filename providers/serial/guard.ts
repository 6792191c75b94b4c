import { read as readCallback } from "node:fs";
import { promisify } from "node:util";
import { PetioleError, isErrno } from "#provider";

const read = promisify(readCallback);

/** The parts of the package's Linux binding that are mended here. */
interface LinuxBinding {
  readonly fd: number | null;
  readonly poller: Poller;
  read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }>;
}

interface Poller {
  once(event: "readable", listener: (error: Error | null) => void): unknown;
  emit(event: string, ...args: readonly unknown[]): boolean;
}

function isLinuxBinding(value: unknown): value is LinuxBinding {
  return (
    typeof value === "object" &&
    value !== null &&
    "read" in value &&
    typeof value.read === "function" &&
    "poller" in value &&
    typeof value.poller === "object" &&
    value.poller !== null &&
    "emit" in value.poller &&
    typeof value.poller.emit === "function"
  );
}

/**
 * Mends two faults of the serialport binding on an open port.
 *
 * Its add-on calls JavaScript outside of a callback scope, so since Node 26.4 the promises that continue a read wait
 * until something else wakes the event loop. An immediate does that.
 *
 * And it reads again, without a pause, when a read returns nothing. A terminal that waits for at least one byte
 * returns nothing only after it was hung up, and then for ever: the agent would spin on a device that was unplugged.
 *
 * @throws PetioleError ERR_INVARIANT when the package has changed its binding
 */
export function guardBinding(binding: unknown): void {
  if (!isLinuxBinding(binding)) {
    throw new PetioleError("ERR_INVARIANT", "Cannot guard the serial port: its binding is not the one of Linux");
  }
  const { poller } = binding;
  const emit = poller.emit.bind(poller);
  poller.emit = (event, ...args) => {
    setImmediate(() => {});
    return emit(event, ...args);
  };
  binding.read = async (buffer, offset, length) => {
    for (;;) {
      if (binding.fd === null) throw canceled();
      try {
        const { bytesRead } = await read(binding.fd, buffer, offset, length, null);
        if (bytesRead === 0) throw new Error("the line was hung up");
        return { buffer, bytesRead };
      } catch (error) {
        if (!isErrno(error, "EAGAIN") && !isErrno(error, "EINTR")) throw error;
      }
      if (binding.fd === null) throw canceled();
      await new Promise<void>((resolve, reject) => {
        poller.once("readable", (error) => (error === null ? resolve() : reject(error)));
      });
    }
  };
}

/** The stream takes this for a port that was closed on purpose. */
function canceled(): Error {
  return Object.assign(new Error("Port is not open"), { canceled: true });
}
