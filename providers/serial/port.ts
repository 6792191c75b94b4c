import { backoffDelay, millis, type Clock, type Logger, reasonOf } from "#provider";
import type { PortConfig } from "./config.ts";
import type { OpenSerialDevice, SerialDevice } from "./device.ts";
import type { Framed, Framer } from "./framing/framer.ts";
import { createLineFramer } from "./framing/line.ts";
import type { Inbox } from "./inbox.ts";

export interface PortDeps {
  readonly label: string;
  readonly config: PortConfig;
  readonly open: OpenSerialDevice;
  readonly clock: Clock;
  readonly log: Logger;
}

export type SendFailure = "disconnected" | "queue-full" | "invalid-argument";

/** A port of the configuration, whether its device is there or not. */
export interface Port extends AsyncDisposable {
  readonly present: boolean;
  /** Hands frames and presence to `inbox` until disposed. */
  attach(inbox: Inbox): Disposable;
  /** Undefined when the kernel has taken all bytes. */
  send(bytes: Uint8Array): Promise<SendFailure | undefined>;
  sendFrame(payload: Uint8Array): Promise<SendFailure | undefined>;
  drain(): Promise<SendFailure | undefined>;
}

/** Keeps a port open: a device that is missing or goes away is looked for again, with growing delays. */
export function createPort({ label, config, open, clock, log }: PortDeps): Port {
  const inboxes = new Set<Inbox>();
  const framer: Framer = createLineFramer({
    delimiter: config.framing.delimiter,
    maxLength: config.framing.max_length,
    stripCr: config.framing.strip_cr,
    skipEmpty: config.framing.skip_empty,
  });
  const stopping = new AbortController();
  let device: SerialDevice | undefined;
  let sequence = 0n;
  let waiting = 0;

  const emit = (framed: readonly Framed[]): void => {
    const timestamp = clock.nanoseconds();
    for (const one of framed) {
      sequence += 1n;
      if (one.kind === "dropped") {
        log.warn("Dropped a serial frame", { port: label, bytes: one.bytes });
        for (const inbox of inboxes) inbox.lost();
      } else {
        for (const inbox of inboxes) inbox.frame({ label, payload: one.payload, timestamp, sequence });
      }
    }
  };

  /** Until the device goes away or the port is disposed. */
  const hold = async (opened: SerialDevice): Promise<void> => {
    await using _closing = opened;
    device = opened;
    log.info("Opened a serial port", { port: label, path: config.path });
    for (const inbox of inboxes) inbox.presence(true);
    const stopped = Promise.withResolvers<undefined>();
    const stop = (): void => stopped.resolve(undefined);
    stopping.signal.addEventListener("abort", stop, { once: true });
    // Disposed while the device was being opened.
    if (stopping.signal.aborted) stop();
    const reason = await Promise.race([opened.closed, stopped.promise]);
    stopping.signal.removeEventListener("abort", stop);
    device = undefined;
    emit(framer.reset());
    if (stopping.signal.aborted) return;
    log.warn("Lost a serial port", { port: label, path: config.path, err: reason });
    for (const inbox of inboxes) inbox.presence(false);
  };

  const run = async (): Promise<void> => {
    let attempt = 0;
    let reported: string | undefined;
    while (!stopping.signal.aborted) {
      const started = clock.monotonic();
      try {
        const opened = await open(config, (chunk) => emit(framer.push(chunk)));
        reported = undefined;
        await hold(opened);
      } catch (err) {
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

  const send = async (bytes: Uint8Array): Promise<SendFailure | undefined> => {
    if (device === undefined) return "disconnected";
    if (waiting + bytes.length > config.write_buffer) return "queue-full";
    waiting += bytes.length;
    try {
      await device.write(bytes);
      return undefined;
    } catch (err) {
      log.warn("Cannot write to a serial port", { port: label, err });
      return "disconnected";
    } finally {
      waiting -= bytes.length;
    }
  };

  return {
    get present() {
      return device !== undefined;
    },
    attach(inbox) {
      inboxes.add(inbox);
      if (device !== undefined) inbox.presence(true);
      return { [Symbol.dispose]: () => void inboxes.delete(inbox) };
    },
    send,
    sendFrame: async (payload) => {
      const bytes = framer.encode(payload);
      return bytes === undefined ? "invalid-argument" : await send(bytes);
    },
    async drain() {
      try {
        await device?.drain();
        return device === undefined ? "disconnected" : undefined;
      } catch {
        return "disconnected";
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await running;
    },
  };
}
