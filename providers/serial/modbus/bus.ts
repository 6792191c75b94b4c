import { createExclusive, millis, type Clock, type Logger, type Metrics, type Millis } from "#provider";
import { createConnection, type LineFailure } from "../line/connection.ts";
import type { OpenSerialDevice } from "../line/device.ts";
import { createSilence } from "../line/silence.ts";
import { isTimeLimit, withLimit } from "../line/time-limit.ts";
import type { BusConfig } from "./config.ts";
import { BROADCAST, MAX_FRAME, encodeRequest, findAnswer, isSendable, type Answer, type Request } from "./frames.ts";

/** Requests that may wait for those before them. */
const MAX_WAITING = 256;
/** Exceptions that mean: ask again. */
const BUSY_UNIT = 6;

export type Failure =
  | { readonly tag: "exception"; readonly exception: number }
  /** `garbled`: something came, and it was no answer. */
  | { readonly tag: LineFailure | "garbled" | "invalid-argument" };

export type Outcome = { readonly values: Extract<Answer, { kind: "values" }> } | { readonly failure: Failure };

export interface BusDeps {
  readonly label: string;
  readonly config: BusConfig;
  readonly open: OpenSerialDevice;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** The master of a Modbus line. */
export interface Bus extends AsyncDisposable {
  readonly config: BusConfig;
  /** One request at a time, in the order of the calls. `retries` instead of what the configuration says. */
  request(unit: number, request: Request, retries?: number): Promise<Outcome>;
  /** Resolves when the line has been opened for the first time, and after the time of an answer without. */
  whenOpened(): Promise<void>;
}

/** Bits of one character with start and stop bits, and the silence between frames: 3.5 characters. */
export function frameSilence(config: BusConfig): Millis {
  if (config.silence !== undefined) return config.silence;
  // Fixed for fast lines, as the specification recommends.
  if (config.baud_rate > 19_200) return millis(1.75);
  const bits = 1 + config.data_bits + (config.parity === "none" ? 0 : 1) + config.stop_bits;
  return millis((3.5 * bits * 1000) / config.baud_rate);
}

export function createBus({ label, config, open, clock, log, metrics }: BusDeps): Bus {
  const turns = createExclusive();
  const quiet = frameSilence(config);
  const stopping = new AbortController();
  let waiting = 0;
  const opened = Promise.withResolvers<void>();
  /** When the line was last used, by either side. */
  let used = 0;
  let pending: { receive(chunk: Uint8Array): void; silence(): void; lost(): void } | undefined;

  const counted = (name: string, help: string) => metrics.counter(name, help, { bus: label });
  const requests = counted("modbus_requests_total", "Requests sent, with repetitions.");
  const repetitions = counted("modbus_retries_total", "Requests sent again.");
  const stray = counted("modbus_stray_bytes_total", "Bytes that came when nothing was asked.");
  const failures = (reason: string) =>
    metrics.counter("modbus_failures_total", "Requests that failed, after repetitions.", { bus: label, reason });

  const silence = createSilence({ gap: config.give_up_after, clock, onSilence: () => pending?.silence() });
  const connection = createConnection({
    label,
    config,
    open,
    clock,
    log,
    onData: (chunk) => {
      used = clock.monotonic();
      if (pending === undefined) stray.add(chunk.length);
      else pending.receive(chunk);
      silence.heard();
    },
    onPresence: (present) => {
      if (present) opened.resolve();
      else pending?.lost();
    },
  });
  const isPresent = (): number => Number(connection.present);
  metrics.observedGauge("modbus_present", "1 while the line is open.", isPresent, { bus: label });

  /** Waits for the silence between frames; on a line that is never silent, not longer than for an answer. */
  const untilQuiet = async (): Promise<void> => {
    const end = clock.monotonic() + config.timeout;
    for (;;) {
      const now = clock.monotonic();
      const left = used + quiet - now;
      if (left <= 0 || now >= end) return;
      await clock.sleep(millis(Math.min(left, end - now)), stopping.signal);
    }
  };

  const listen = (unit: number, request: Request, sent: Uint8Array) => {
    const found = Promise.withResolvers<Answer | "garbled" | "disconnected">();
    let received: Uint8Array = new Uint8Array(0);
    /** Whether the adapter's own echo is still to come. */
    let isEcho = config.echo;
    pending = {
      receive(chunk) {
        received = Buffer.concat([received, chunk]);
        if (isEcho && received.length < sent.length) return;
        if (isEcho && sent.every((byte, i) => received[i] === byte)) received = received.subarray(sent.length);
        isEcho = false;
        const answer = findAnswer(received, unit, request);
        if (answer !== undefined) found.resolve(answer);
        // No answer is longer than that: what is before it is noise.
        received = received.subarray(Math.max(0, received.length - 2 * MAX_FRAME));
      },
      silence: () => {
        if (received.length > 0) found.resolve("garbled");
      },
      lost: () => found.resolve("disconnected"),
    };
    return found.promise;
  };

  const once = async (unit: number, request: Request): Promise<Outcome> => {
    await untilQuiet();
    const sent = encodeRequest(unit, request);
    const answered = listen(unit, request, sent);
    try {
      requests.add();
      const failure = (await connection.write(sent)) ?? (await connection.drain());
      if (failure !== undefined) return { failure: { tag: failure } };
      used = clock.monotonic();
      if (unit === BROADCAST) {
        await clock.sleep(config.broadcast_delay, stopping.signal);
        return { values: { kind: "values", bits: [], words: [] } };
      }
      const answer = await withLimit(clock, config.timeout, async (signal) => {
        const late = Promise.withResolvers<never>();
        signal.addEventListener("abort", () => late.reject(signal.reason), { once: true });
        return await Promise.race([answered, late.promise]);
      });
      if (typeof answer === "string") return { failure: { tag: answer } };
      if (answer.kind === "values") return { values: answer };
      return { failure: { tag: "exception", exception: answer.exception } };
    } catch (error) {
      if (isTimeLimit(error)) return { failure: { tag: "timeout" } };
      throw error;
    } finally {
      pending = undefined;
    }
  };

  const repeatedly = async (unit: number, request: Request, retries: number): Promise<Outcome> => {
    for (let left = retries; ; left -= 1) {
      if (stopping.signal.aborted) return { failure: { tag: "disconnected" } };
      const outcome = await once(unit, request);
      if (!("failure" in outcome) || left <= 0 || !mayHelp(outcome.failure)) return outcome;
      if (outcome.failure.tag === "exception") await clock.sleep(config.busy_delay, stopping.signal);
      repetitions.add();
    }
  };

  return {
    config,
    async request(unit, request, retries = config.retries) {
      if (!isSendable(unit, request)) return { failure: { tag: "invalid-argument" } };
      if (waiting >= MAX_WAITING) return { failure: { tag: "queue-full" } };
      waiting += 1;
      try {
        const outcome = await turns.run(async () => await repeatedly(unit, request, retries));
        if ("failure" in outcome) {
          failures(outcome.failure.tag).add();
          log.debug("A Modbus request failed", { bus: label, unit, code: request.code, failure: outcome.failure });
        }
        return outcome;
      } catch (error) {
        if (stopping.signal.aborted) return { failure: { tag: "disconnected" } };
        throw error;
      } finally {
        waiting -= 1;
      }
    },
    async whenOpened() {
      const timer = new AbortController();
      const late = clock.sleep(config.timeout, AbortSignal.any([timer.signal, stopping.signal])).catch(() => {});
      await Promise.race([opened.promise, late]);
      timer.abort();
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("The provider has stopped"));
      pending?.lost();
      silence[Symbol.dispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}

function mayHelp(failure: Failure): boolean {
  if (failure.tag === "exception") return failure.exception === BUSY_UNIT;
  return failure.tag === "timeout" || failure.tag === "garbled";
}
