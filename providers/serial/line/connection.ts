import { access } from "node:fs/promises";
import {
  backoffDelay,
  createExclusive,
  isPetioleError,
  millis,
  reasonOf,
  type Clock,
  type Logger,
  type Millis,
} from "#provider";
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

/** Why there is no device: `busy` when another program holds it, `denied` when the agent may not open it. */
type Absence = "disconnected" | "busy" | "denied";
/** Why nothing can be sent. */
export type LineFailure = Absence | "queue-full" | "timeout";

/** How often it is looked whether a device file is there that was missing, in milliseconds. */
const LOOK_EVERY = 250;

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
  let absence: Absence = "disconnected";
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

  const hasFile = async (): Promise<boolean> =>
    await access(config.path).then(
      () => true,
      () => false,
    );

  /** Waits until the device file is there, or the time has passed: tells which. */
  const appears = async (limit: Millis): Promise<boolean> => {
    const end = clock.monotonic() + limit;
    for (let left = limit as number; left > 0; left = end - clock.monotonic()) {
      await clock.sleep(millis(Math.min(left, LOOK_EVERY)), stopping.signal);
      if (await hasFile()) return true;
    }
    return false;
  };

  const run = async (): Promise<void> => {
    let attempt = 0;
    let isMissing = false;
    let reported: string | undefined;
    while (!stopping.signal.aborted) {
      const started = clock.monotonic();
      isMissing = false;
      // Asked before: one that is plugged in now is opened, or looked for.
      const hadFile = await hasFile();
      try {
        const opened = await open(config, onData);
        reported = undefined;
        await hold(opened);
      } catch (err) {
        absence = absenceOf(err);
        // A file without a device behind it, as containers have them, tells nothing when one is plugged in.
        isMissing = isPetioleError(err, "ERR_DEVICE_MISSING") && !hadFile;
        const message = reasonOf(err);
        // Said once, not at every try.
        if (message !== reported) log.warn("Cannot open a serial port", { port: label, path: config.path, err });
        reported = message;
      }
      // A device that comes and goes quickly is asked less and less often, too.
      attempt = clock.monotonic() - started > config.reopen.max ? 0 : attempt + 1;
      try {
        const delay = backoffDelay(attempt - 1, config.reopen);
        // One that was plugged in is opened at once; where that is too early for its permissions, soon again.
        if (!isMissing) await clock.sleep(delay, stopping.signal);
        else if (await appears(delay)) attempt = 0;
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

function absenceOf(error: unknown): Absence {
  if (isPetioleError(error, "ERR_DEVICE_BUSY")) return "busy";
  return isPetioleError(error, "ERR_DEVICE_DENIED") ? "denied" : "disconnected";
}
