import { createExclusive, millis, type Clock, type Logger, type Metrics, type Millis } from "#provider";
import type { PortConfig } from "./config.ts";
import { createFramer } from "./framing/create-framer.ts";
import type { Framed } from "./framing/framer.ts";
import type { Inbox } from "./inbox.ts";
import { createConnection, type LineFailure } from "./line/connection.ts";
import type { OpenSerialDevice, SerialDevice } from "./line/device.ts";
import { createSilence } from "./line/silence.ts";
import { isTimeLimit, withLimit } from "./line/time-limit.ts";
import type { Reader } from "./reader.ts";

/** Between two lines of the log about frames that were dropped, in milliseconds: a wrong rate makes thousands a second. */
const DROPS_LOGGED_EVERY = 10_000;

/** Exchanges that may wait for those before them. */
const MAX_EXCHANGES = 64;

export interface PortDeps {
  readonly label: string;
  readonly config: PortConfig;
  readonly open: OpenSerialDevice;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export type SendFailure = LineFailure | "invalid-argument";

/** A port of the configuration, whether its device is there or not. */
export interface Port extends AsyncDisposable {
  readonly present: boolean;
  /** Hands frames and presence to `inbox` until disposed. */
  attach(inbox: Inbox): Disposable;
  /** Hands bytes as they come, and the loss of the device, to `reader` until disposed. */
  tap(reader: Reader): Disposable;
  /** Undefined when the kernel has taken all bytes. */
  send(bytes: Uint8Array): Promise<SendFailure | undefined>;
  sendFrame(payload: Uint8Array): Promise<SendFailure | undefined>;
  /** Sends a frame and takes the next one that comes, which no inbox is given then. */
  exchange(payload: Uint8Array, timeout: Millis): Promise<Uint8Array | SendFailure>;
  drain(): Promise<SendFailure | undefined>;
  /** The open device, for its signals. */
  readonly device: SerialDevice | undefined;
}

/** Keeps a port open, and makes frames of what is read. */
export function createPort({ label, config, open, clock, log, metrics }: PortDeps): Port {
  const inboxes = new Set<Inbox>();
  const readers = new Set<Reader>();
  const framer = createFramer(config.framing);
  const exchanges = createExclusive();
  let exchanging = 0;
  let answer: ((payload: Uint8Array | "disconnected") => void) | undefined;
  let sequence = 0n;
  /** Dropped since the log told of some, and when that was. */
  let unlogged = { frames: 0, bytes: 0, at: Number.NEGATIVE_INFINITY };

  const frames = metrics.counter("serial_frames_total", "Frames that came whole.", { port: label });
  const read = metrics.counter("serial_read_bytes_total", "Bytes read.", { port: label });
  const written = metrics.counter("serial_written_bytes_total", "Bytes written.", { port: label });
  const opened = metrics.counter("serial_opened_total", "Times that the device was opened.", { port: label });
  const dropped = (reason: string) =>
    metrics.counter("serial_dropped_frames_total", "Frames given up.", { port: label, reason });
  const drop = ({ bytes, reason }: Extract<Framed, { kind: "dropped" }>): void => {
    dropped(reason).add();
    unlogged.frames += 1;
    unlogged.bytes += bytes;
    const now = clock.monotonic();
    if (now - unlogged.at < DROPS_LOGGED_EVERY) return;
    log.warn("Dropped serial frames", { port: label, frames: unlogged.frames, bytes: unlogged.bytes, reason });
    unlogged = { frames: 0, bytes: 0, at: now };
  };

  const emit = (framed: readonly Framed[]): void => {
    const timestamp = clock.nanoseconds();
    for (const one of framed) {
      sequence += 1n;
      if (one.kind === "dropped") {
        drop(one);
        for (const inbox of inboxes) inbox.lost();
        continue;
      }
      frames.add();
      if (answer !== undefined) {
        answer(one.payload);
        answer = undefined;
      } else {
        for (const inbox of inboxes) inbox.frame({ label, payload: one.payload, timestamp, sequence });
      }
    }
  };

  const silence =
    framer.gap === undefined
      ? undefined
      : createSilence({ gap: framer.gap, clock, onSilence: () => emit(framer.silence()) });
  const connection = createConnection({
    label,
    config,
    open,
    clock,
    log,
    onData: (chunk) => {
      read.add(chunk.length);
      for (const reader of readers) reader.push(chunk);
      emit(framer.push(chunk));
      silence?.heard();
    },
    onPresence: (present) => {
      if (present) {
        opened.add();
      } else {
        emit(framer.reset());
        answer?.("disconnected");
        answer = undefined;
      }
      for (const reader of readers) reader.presence(present);
      for (const inbox of inboxes) inbox.presence(present);
    },
  });

  const send = async (bytes: Uint8Array): Promise<SendFailure | undefined> => {
    const failure = await connection.write(bytes);
    if (failure === undefined) written.add(bytes.length);
    return failure;
  };
  const isPresent = (): number => Number(connection.present);
  metrics.observedGauge("serial_present", "1 while the device is open.", isPresent, { port: label });

  const sendFrame = async (payload: Uint8Array): Promise<SendFailure | undefined> => {
    const bytes = framer.encode(payload);
    return bytes === undefined ? "invalid-argument" : await send(bytes);
  };

  const exchange = async (payload: Uint8Array, timeout: Millis): Promise<Uint8Array | SendFailure> => {
    const answered = Promise.withResolvers<Uint8Array | "disconnected">();
    answer = answered.resolve;
    try {
      const failure = (await sendFrame(payload)) ?? (await connection.drain());
      if (failure !== undefined) return failure;
      return await withLimit(clock, timeout, async (signal) => {
        signal.addEventListener("abort", () => answered.reject(signal.reason), { once: true });
        return await answered.promise;
      });
    } catch (error) {
      if (isTimeLimit(error)) return "timeout";
      throw error;
    } finally {
      answer = undefined;
    }
  };

  return {
    get present() {
      return connection.present;
    },
    get device() {
      return connection.device;
    },
    attach(inbox) {
      inboxes.add(inbox);
      if (connection.present) inbox.presence(true);
      return { [Symbol.dispose]: () => void inboxes.delete(inbox) };
    },
    tap(reader) {
      readers.add(reader);
      reader.presence(connection.present);
      return { [Symbol.dispose]: () => void readers.delete(reader) };
    },
    send,
    sendFrame,
    async exchange(payload, timeout) {
      if (exchanging >= MAX_EXCHANGES) return "queue-full";
      exchanging += 1;
      try {
        return await exchanges.run(async () => await exchange(payload, timeout));
      } finally {
        exchanging -= 1;
      }
    },
    drain: async () => await connection.drain(),
    async [Symbol.asyncDispose]() {
      silence?.[Symbol.dispose]();
      answer?.("disconnected");
      await connection[Symbol.asyncDispose]();
    },
  };
}

/** A duration of WIT, in nanoseconds, as a limit of a wait: a minute at most, so that nobody waits for ever. */
export const waitOf = (nanoseconds: bigint): Millis => millis(Math.min(Math.ceil(Number(nanoseconds) / 1e6), 60_000));
