import { PetioleError } from "../../domain/errors.ts";
import type { InboxStats } from "../../domain/inbox.ts";
import { bytes, millis, minutes, seconds, type Bytes, type Millis } from "../../domain/units.ts";
import type { BackoffOptions } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createGate, type Gate } from "../../lib/gate.ts";
import type { Logger } from "../../lib/log.ts";
import type { BusMessage, DurableMessages, KeyValueStore, RetryLimits } from "../../provider/services.ts";
import type { InboundSink } from "../ports.ts";
import { judgeCount, judgeFailure, type Verdict } from "./attempts.ts";
import { isKnown, overlaps } from "./position.ts";
import { BUCKET } from "./record.ts";
import { openShelf, type Entry } from "./shelf.ts";

export interface InboxOptions {
  /** What may wait; the last message accepted may exceed the bytes. */
  readonly maxMessages: number;
  readonly maxBytes: Bytes;
  /** A message that a component failed on so often is given up. */
  readonly maxAttempts: number;
  /** A message that no subscription takes for so long is given up. */
  readonly unclaimed: Millis;
  readonly backoff?: BackoffOptions;
  /**
   * Messages that are handled and not removed yet, while the next one is handled already: after a crash so many may be
   * handed over again. The hub's are removed one by one.
   */
  readonly maxRemoving?: number;
  /** What of the bodies may be in memory. */
  readonly cache?: Bytes;
}

export interface InboxDeps {
  /** In which it is stored; that of the messages from the hub unless given. */
  readonly bucket?: string;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: InboxOptions;
}

/**
 * Messages from the hub, from the moment they are on disk until a component has handled them. Each subscription gets
 * its own one after another in the order of the stream; a message that fails holds up those behind it until it is
 * handled or given up. Disposing it waits for what is being handled.
 */
export interface Inbox extends DurableMessages, InboundSink, AsyncDisposable {
  stats(): InboxStats;
}

interface Subscription {
  readonly filter: string;
  readonly handle: (message: BusMessage) => Promise<void>;
  readonly limits: RetryLimits;
  readonly gate: Gate;
  readonly stop: AbortController;
  /** Removals that are under way. */
  readonly removals: Set<Promise<void>>;
  running: Promise<void> | undefined;
}

const BACKOFF: BackoffOptions = { initial: seconds(1), max: minutes(1) };
const STORE_PAUSE = seconds(1);
const MAX_DEAD = 100;
/** Share of the bytes that messages given up may take, on top of those that wait. */
const DEAD_SHARE = 0.25;

/** @throws PetioleError ERR_STORE_FAILED when the store cannot be read */
export async function openInbox({ bucket = BUCKET, keyValue, clock, log, options }: InboxDeps): Promise<Inbox> {
  const usual: RetryLimits = { maxAttempts: options.maxAttempts, backoff: options.backoff ?? BACKOFF };
  const shelf = await openShelf({ bucket, cache: options.cache ?? bytes(0), keyValue, clock, log });
  const { maxRemoving = 1 } = options;
  const subscriptions = new Set<Subscription>();
  const listeners = new Set<() => void>();
  const stop = new AbortController();
  /** Subjects of messages that are being written. */
  const arriving: string[] = [];
  const counts = { stored: 0, handled: 0, failures: 0, repeats: 0, deadForgotten: 0 };

  const waiting = (): Entry[] => shelf.entries.filter(({ note }) => !note.dead);
  const takerOf = ({ subject }: { readonly subject: string }): Subscription | undefined =>
    [...subscriptions].find(({ filter }) => overlaps(filter, subject));
  const changed = (): void => {
    for (const listener of listeners) listener();
  };

  async function work(subscription: Subscription): Promise<void> {
    const { signal } = subscription.stop;
    while (!signal.aborted) {
      const entry = shelf.entries.find(
        ({ note, removing, subject }) => !note.dead && !removing && overlaps(subscription.filter, subject),
      );
      const pause = entry === undefined ? undefined : entry.due - clock.monotonic();
      if (entry === undefined || (pause !== undefined && pause > 0)) {
        const limit = pause === undefined ? [] : [millis(pause)];
        await subscription.gate.wait(signal, ...limit).catch(() => {});
      } else {
        await handOver(subscription, entry);
      }
    }
    await Promise.all(subscription.removals);
  }

  async function handOver(subscription: Subscription, entry: Entry): Promise<void> {
    if (!entry.handled && !(await attempt(subscription, entry))) return;
    const { removals } = subscription;
    const removal = remove(entry).finally(() => removals.delete(removal));
    removals.add(removal);
    if (removals.size >= maxRemoving) await Promise.race(removals);
  }

  async function remove(entry: Entry): Promise<void> {
    entry.removing = true;
    try {
      await shelf.remove(entry);
      changed();
    } catch (err) {
      entry.removing = false;
      // Not handed over again: the removal alone is tried again.
      entry.due = millis(clock.monotonic() + STORE_PAUSE);
      log.error("Cannot remove a handled message from the inbox", { subject: entry.subject, err });
    }
  }

  /** True when the message was handled. */
  async function attempt(subscription: Subscription, entry: Entry): Promise<boolean> {
    const { subject, note } = entry;
    const { limits } = subscription;
    const failing = judgeCount(note, limits);
    if (failing.note.dead) {
      await settle(entry, failing);
      return false;
    }
    // On a full disk commands are still obeyed; a crash then counts for no attempt.
    const begun = note.begun ? undefined : shelf.note(entry, { ...note, begun: true }).catch(warnOfStore(entry));
    // Where removals are not waited for, this is not either.
    if (maxRemoving === 1) await begun;
    const body = await shelf.body(entry).catch((err: unknown) => {
      entry.due = millis(clock.monotonic() + STORE_PAUSE);
      log.error("Cannot read a message of the inbox", { subject, err });
      return "later" as const;
    });
    if (body === "later") return false;
    if (body === undefined) {
      await settle(entry, { note: { ...entry.note, dead: true, reason: "its body was lost" }, delay: undefined });
      return false;
    }
    if (note.failures > 0) {
      counts.repeats += 1;
      const { seq } = entry.origin;
      log.warn("Message is handed over again", { subject, seq, attempt: note.failures + 1, reason: note.reason });
    }
    try {
      await subscription.handle({ subject, body, replyTo: undefined });
    } catch (error) {
      counts.failures += 1;
      await settle(entry, judgeFailure(entry.note, error, limits));
      return false;
    }
    counts.handled += 1;
    entry.handled = true;
    return true;
  }

  async function settle(entry: Entry, { note, delay }: Verdict): Promise<void> {
    const { subject, origin } = entry;
    const before = entry.note;
    entry.note = note;
    if (delay !== undefined) entry.due = millis(clock.monotonic() + delay);
    if (note !== before) await shelf.note(entry, note).catch(warnOfStore(entry));
    const fields = { subject, seq: origin.seq, attempts: note.failures, reason: note.reason };
    if (!note.dead) {
      log.warn("Component failed on a message, will try again", { ...fields, retryIn: delay });
      return;
    }
    log.error("Message given up", fields);
    await forgetOldDead();
    changed();
  }

  async function forgetOldDead(): Promise<void> {
    const dead = shelf.entries.filter(({ note }) => note.dead);
    let size = dead.reduce((sum, entry) => sum + entry.size, 0);
    for (const [index, entry] of dead.entries()) {
      if (dead.length - index <= MAX_DEAD && size <= options.maxBytes * DEAD_SHARE) return;
      size -= entry.size;
      await shelf.remove(entry).catch(warnOfStore(entry));
      counts.deadForgotten += 1;
    }
  }

  const warnOfStore =
    ({ subject }: Entry) =>
    (err: unknown): void =>
      log.error("Cannot write down what became of a message", { subject, err });

  /** Messages for nobody must not keep the others from coming. */
  async function watchUnclaimed(): Promise<void> {
    const pause = millis(Math.min(options.unclaimed, minutes(1)));
    for (;;) {
      await clock.sleep(pause, stop.signal);
      const until = clock.monotonic() - options.unclaimed;
      for (const entry of waiting()) {
        if (entry.seen > until || entry.handled || takerOf(entry) !== undefined) continue;
        const note = { ...entry.note, begun: false, dead: true, reason: "no subscription takes it" };
        await settle(entry, { note, delay: undefined });
      }
    }
  }
  const watching = watchUnclaimed().catch((err: unknown) => {
    if (!stop.signal.aborted) log.error("The inbox does not look for unclaimed messages any more", { err });
  });

  return {
    subscribe: (filter, handle, limits = usual) => {
      const other = [...subscriptions].find((one) => overlaps(one.filter, filter));
      if (other !== undefined) {
        throw new PetioleError(
          "ERR_LINK_INVALID",
          `Cannot subscribe to "${filter}" durably: "${other.filter}" takes some of its messages already, and each goes to one`,
        );
      }
      const gate = createGate(clock);
      const subscription: Subscription = {
        filter,
        handle,
        limits,
        gate,
        stop: new AbortController(),
        removals: new Set(),
        running: undefined,
      };
      subscriptions.add(subscription);
      subscription.running = work(subscription);
      changed();
      return {
        async [Symbol.asyncDispose]() {
          subscription.stop.abort(new Error("the subscription ended"));
          await subscription.running;
          subscriptions.delete(subscription);
          changed();
        },
      };
    },

    wanted: () => subscriptions.size > 0,
    last: () => shelf.last,
    room: () => {
      const taken = waiting();
      const size = taken.reduce((sum, entry) => sum + entry.size, 0);
      return {
        messages: Math.max(0, options.maxMessages - taken.length),
        bytes: bytes(Math.max(0, options.maxBytes - size)),
      };
    },
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    accept: async (message) => {
      if (isKnown(shelf.last, message.origin)) return "known";
      const taker = takerOf(message);
      const isTaken = (subject: string): boolean => taker === undefined || overlaps(taker.filter, subject);
      const idle =
        !arriving.some(isTaken) && !shelf.entries.some(({ note, subject }) => !note.dead && isTaken(subject));
      arriving.push(message.subject);
      try {
        await shelf.add(message, idle);
      } finally {
        arriving.splice(arriving.indexOf(message.subject), 1);
      }
      counts.stored += 1;
      takerOf(message)?.gate.open();
      changed();
      return "stored";
    },

    stats: () => {
      const taken = waiting();
      return {
        ...counts,
        waiting: taken.length,
        bytes: bytes(taken.reduce((sum, entry) => sum + entry.size, 0)),
        maxMessages: options.maxMessages,
        maxBytes: options.maxBytes,
        unclaimed: taken.filter((entry) => takerOf(entry) === undefined).length,
        dead: shelf.entries
          .filter(({ note }) => note.dead)
          .map(({ subject, origin, size, note }) => ({
            subject,
            stream: origin.stream,
            seq: origin.seq,
            size,
            attempts: note.failures,
            reason: note.reason ?? "",
          })),
      };
    },

    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the inbox was closed"));
      for (const subscription of subscriptions) subscription.stop.abort(new Error("the inbox was closed"));
      await Promise.all([watching, ...[...subscriptions].map(({ running }) => running)]);
    },
  };
}
