import { backoffDelay, createExclusive, isPetioleError, millis, reasonOf, type Clock, type Logger } from "#provider";
import type { LineConfig } from "./config.ts";
import type { OpenSerialDevice, SerialDevice } from "./device.ts";
import { isTimeLimit, withLimit } from "./time-limit.ts";

export interface ConnectionDeps {
  readonly label: string;
  readonly config: LineConfig;
  readonly open: OpenSerialDevice;
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes what was read; the bytes are only lent. */
  readonly onData: (chunk: Uint8Array) => void;
  readonly onPresence: (present: boolean) => void;
}

/** Why nothing can be sent: `busy` when another program holds the device. */
export type LineFailure = "disconnected" | "busy" | "queue-full" | "timeout";

/** The way to a device, whether it is there or not. */
export interface Connection extends AsyncDisposable {
  readonly present: boolean;
  /** Undefined when the kernel has taken all bytes. Writings never mix. */
  write(bytes: Uint8Array): Promise<LineFailure | undefined>;
  /** Undefined when what was written has left the wire. */
  drain(): Promise<LineFailure | undefined>;
  /** The open device, for its signals. */
  readonly device: SerialDevice | undefined;
}

/** Keeps a device open: one that is missing or goes away is looked for again, with growing delays. */
export function createConnection(deps: ConnectionDeps): Connection {
  const { label, config, open, clock, log, onData, onPresence } = deps;
  const stopping = new AbortController();
  const writings = createExclusive();
  let device: SerialDevice | undefined;
  let absence: "disconnected" | "busy" = "disconnected";
  let waiting = 0;

  /** Until the device goes away or the connection is disposed. */
  const hold = async (opened: SerialDevice): Promise<void> => {
    await using _closing = opened;
    device = opened;
    absence = "disconnected";
    log.info("Opened a serial port", { port: label, path: config.path });
    onPresence(true);
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    stopping.signal.addEventListener("abort", stop, { once: true });
    // Disposed while the device was being opened.
    if (stopping.signal.aborted) stop();
    const reason = await Promise.race([opened.closed, stopped.promise]);
    stopping.signal.removeEventListener("abort", stop);
    device = undefined;
    if (stopping.signal.aborted) return;
    log.warn("Lost a serial port", { port: label, path: config.path, err: reason });
    onPresence(false);
  };

  const run = async (): Promise<void> => {
    let attempt = 0;
    let reported: string | undefined;
    while (!stopping.signal.aborted) {
      const started = clock.monotonic();
      try {
        const opened = await open(config, onData);
        reported = undefined;
        await hold(opened);
      } catch (err) {
        absence = isPetioleError(err, "ERR_DEVICE_BUSY") ? "busy" : "disconnected";
        const message = reasonOf(err);
        // Said once, not at every try.
        if (message !== reported) log.warn("Cannot open a serial port", { port: label, path: config.path, err });
        reported = message;
      }
      // A device that comes and goes quickly is asked less and less often, too.
      attempt = clock.monotonic() - started > config.reopen.max ? 0 : attempt + 1;
      try {
        await clock.sleep(millis(backoffDelay(attempt - 1, config.reopen)), stopping.signal);
      } catch {
        return;
      }
    }
  };
  const running = run();

  const attempt = async (task: (held: SerialDevice, signal: AbortSignal) => Promise<void>) => {
    const held = device;
    if (held === undefined) return absence;
    try {
      await withLimit(clock, config.write_timeout, async (signal) => await task(held, signal));
      return undefined;
    } catch (err) {
      log.warn("Cannot write to a serial port", { port: label, err });
      return isTimeLimit(err) ? "timeout" : "disconnected";
    }
  };

  return {
    get present() {
      return device !== undefined;
    },
    get device() {
      return device;
    },
    async write(bytes) {
      if (device === undefined) return absence;
      if (waiting + bytes.length > config.write_buffer) return "queue-full";
      waiting += bytes.length;
      try {
        return await writings.run(async () => await attempt(async (held, signal) => await held.write(bytes, signal)));
      } finally {
        waiting -= bytes.length;
      }
    },
    drain: async () => await writings.run(async () => await attempt(async (held, signal) => await held.drain(signal))),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
