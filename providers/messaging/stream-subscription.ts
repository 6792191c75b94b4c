import type { JsMsg } from "@nats-io/jetstream";
import {
  backoffDelay,
  isPetioleError,
  millis,
  reasonOf,
  seconds,
  type BusMessage,
  type Clock,
  type KeyValueStore,
  type Logger,
  type Metrics,
  type NatsPath,
  type Outbox,
} from "#provider";
import type { StreamSubscription } from "./config.ts";
import { openProgress, type Place, type Progress } from "./progress.ts";
import { openConsumer } from "./stream-consumer.ts";

export interface StreamDeps {
  readonly path: NatsPath;
  readonly outbox: Outbox;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

export interface FollowedStream {
  readonly subject: string;
  readonly settings: StreamSubscription;
  /** The component, for what it sends to the outbox. */
  readonly owner: string;
  readonly log: Logger;
  readonly handle: (message: BusMessage) => Promise<void>;
}

/** How long the hub holds a request for a message. */
const EXPIRES = seconds(30);
const RETRY = { initial: seconds(1), max: seconds(15) };
const ACK_TIMEOUT = seconds(5);

/** A component that is stopped or has too many calls waiting did not fail on the message. */
const NOT_ITS_FAULT = ["ERR_COMPONENT_BUSY", "ERR_COMPONENT_STOPPED", "ERR_PROVIDER_STOPPED"] as const;

/**
 * Fetches what a stream of the hub holds for a durable consumer, one message after another, whenever the hub can be reached.
 * A message is acknowledged once it was handled. One that fails comes again, later and later, until it is given up.
 * Disposing it waits for the message that is being handled.
 */
export function followStream(deps: StreamDeps, followed: FollowedStream): AsyncDisposable {
  const { path, outbox, keyValue, clock, metrics } = deps;
  const { subject, settings, owner, log, handle } = followed;
  const where = { stream: settings.name, consumer: settings.consumer };
  const stop = new AbortController();
  const count = {
    handled: metrics.counter("messaging_stream_handled_total", "messages of streams that components handled"),
    failures: metrics.counter(
      "messaging_stream_failures_total",
      "attempts of components at messages of streams that failed",
    ),
    givenUp: metrics.counter("messaging_stream_given_up_total", "messages of streams that were given up"),
  };
  let progress: Progress | undefined;
  let lastReason: string | undefined;
  let givenUp = 0;

  async function keep(): Promise<void> {
    let tries = 0;
    while (!stop.signal.aborted) {
      try {
        await run(() => {
          tries = 0;
          lastReason = undefined;
        });
      } catch (error) {
        if (stop.signal.aborted) return;
        report(reasonOf(error));
      }
      await clock.sleep(backoffDelay(tries, RETRY), stop.signal).catch(() => {});
      tries += 1;
    }
  }

  /** A hub that is away for days must not fill the log. */
  function report(reason: string): void {
    if (reason !== lastReason) log.warn("Cannot fetch messages of a stream, will try again", { ...where, reason });
    lastReason = reason;
  }

  /** Fetches on one connection, for as long as that is the one. */
  async function run(onProgress: () => void): Promise<void> {
    const live = path.current();
    if (live === undefined) throw new Error(path.reason() ?? "not connected");
    const { domain } = path;
    const { consumer, progress: kept } = await openConsumer({ live, subject, settings, domain, log, progressOf });
    onProgress();
    while (!stop.signal.aborted && path.current() === live) {
      const messages = await consumer.fetch({ max_messages: 1, expires: EXPIRES });
      const end = (): void => void messages.close();
      stop.signal.addEventListener("abort", end, { once: true });
      if (stop.signal.aborted) end();
      const begun = clock.monotonic();
      let came = 0;
      try {
        for await (const message of messages) {
          came += 1;
          await take(message, kept);
          onProgress();
        }
      } finally {
        stop.signal.removeEventListener("abort", end);
      }
      // It ended before its time: the hub, or the consumer, is not there.
      if (came === 0 && clock.monotonic() - begun < EXPIRES / 2)
        throw new Error("the hub ended the request for messages");
    }
  }

  async function progressOf(created: string): Promise<Progress> {
    if (progress?.created !== created) {
      progress = await openProgress(keyValue, { ...where, created, ordered: settings.ordered });
    }
    return progress;
  }

  async function take(message: JsMsg, kept: Progress): Promise<void> {
    const place = placeOf(message);
    if (stop.signal.aborted) return message.nak();
    if (kept.isSettled(place)) return await confirm(message);
    if (kept.failuresOf(place.seq) >= settings.max_deliver) {
      return await giveUp(message, kept, "it was to be given up before");
    }
    const timer = new AbortController();
    void sayAtWork(message, timer.signal);
    try {
      await handle({ subject: message.subject, body: message.data, replyTo: undefined });
    } catch (error) {
      timer.abort();
      return await fail(message, kept, error);
    } finally {
      timer.abort();
    }
    count.handled.add();
    await kept.settle(place);
    await confirm(message);
  }

  /** Keeps the hub from sending a message again while the component is at it. */
  async function sayAtWork(message: JsMsg, signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await clock.sleep(millis(settings.ack_wait / 2), signal);
        message.working();
      }
    } catch {
      // It has ended, or the connection has.
    }
  }

  async function confirm(message: JsMsg): Promise<void> {
    if (!(await message.ackAck({ timeout: ACK_TIMEOUT })))
      throw new Error("the hub did not confirm an acknowledgement");
  }

  async function fail(message: JsMsg, kept: Progress, error: unknown): Promise<void> {
    const { streamSequence: seq } = message.info;
    const reason = reasonOf(error);
    if (NOT_ITS_FAULT.some((code) => isPetioleError(error, code))) {
      return message.nak(stop.signal.aborted ? 0 : backoffDelay(kept.failuresOf(seq), settings.backoff));
    }
    count.failures.add();
    const failures = await kept.fail(seq);
    if (failures >= settings.max_deliver) return await giveUp(message, kept, reason);
    const retryIn = backoffDelay(failures - 1, settings.backoff);
    log.warn("Component failed on a message, will try again", {
      ...where,
      subject: message.subject,
      seq,
      attempts: failures,
      reason,
      retryIn,
    });
    message.nak(retryIn);
  }

  async function giveUp(message: JsMsg, kept: Progress, reason: string): Promise<void> {
    const { streamSequence: seq } = message.info;
    const fields = { ...where, subject: message.subject, seq, attempts: kept.failuresOf(seq), reason };
    try {
      await bury(message, reason);
    } catch (err) {
      log.error("Cannot keep a message that is given up, will try again", { ...fields, err });
      return message.nak(backoffDelay(settings.max_deliver, settings.backoff));
    }
    givenUp += 1;
    count.givenUp.add();
    log.error("Message given up", { ...fields, givenUp });
    await kept.settle(placeOf(message));
    message.term(`given up after ${fields.attempts} attempts`);
  }

  /** Sends it where the link says such messages go. */
  async function bury(message: JsMsg, reason: string): Promise<void> {
    if (settings.dead_letter === undefined) return;
    await outbox.publish({
      lane: "critical",
      subject: settings.dead_letter,
      body: message.data,
      headers: {
        "Dead-Letter-Stream": settings.name,
        "Dead-Letter-Sequence": String(message.info.streamSequence),
        "Dead-Letter-Subject": message.subject,
        "Dead-Letter-Reason": reason.replaceAll(/[\r\n\0]+/g, " ").slice(0, 200),
      },
      owner,
    });
  }

  const running = keep();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the subscription ended"));
      await running;
      // Not after each message: that would wear a card out.
      await progress?.save().catch((err: unknown) => {
        log.warn("Cannot write down what was handled of a stream", { ...where, err });
      });
    },
  };
}

const placeOf = ({ info }: JsMsg): Place => ({ seq: info.streamSequence, time: BigInt(info.timestampNanos) });
