import { PetioleError, matchesSubject, type BusMessage, type Clock, type Logger, type MessageBus } from "#provider";

export interface MemoryBusDeps {
  readonly clock: Clock;
  readonly log: Logger;
  /** Messages that wait for one subscription before further ones are dropped. */
  readonly queue: number;
}

interface Subscription {
  readonly pattern: string;
  readonly group: string | undefined;
  readonly waiting: BusMessage[];
  readonly onMessage: (message: BusMessage) => Promise<void>;
  running: Promise<void> | undefined;
  dropped: number;
}

/**
 * A bus inside the process. As with NATS, each subscription sees messages in the order they were published, one at a
 * time; of a queue group one member gets each message; nothing is kept for those who come later.
 */
export function createMemoryBus({ clock, log, queue }: MemoryBusDeps): MessageBus {
  const subscriptions = new Set<Subscription>();
  const turns = new Map<string, number>();
  let inboxes = 0;

  const run = async (subscription: Subscription): Promise<void> => {
    for (let next = subscription.waiting.shift(); next !== undefined; next = subscription.waiting.shift()) {
      try {
        await subscription.onMessage(next);
      } catch (err) {
        log.error("Subscriber failed on a message", { subject: next.subject, err });
      }
    }
    subscription.running = undefined;
  };

  const enqueue = (subscription: Subscription, message: BusMessage): void => {
    if (subscription.waiting.length >= queue) {
      subscription.dropped += 1;
      // Once per power of two: an overrun is seen at once and does not flood the log.
      if (Number.isInteger(Math.log2(subscription.dropped))) {
        log.warn("Subscriber is too slow, messages are dropped", {
          pattern: subscription.pattern,
          dropped: subscription.dropped,
        });
      }
      return;
    }
    subscription.waiting.push(message);
    subscription.running ??= Promise.resolve().then(async () => await run(subscription));
  };

  /** Those who get a message: every subscription without a group, and one of each group in turn. */
  const receivers = (subject: string): Subscription[] => {
    const matching = [...subscriptions].filter(({ pattern }) => matchesSubject(pattern, subject));
    const groups = Map.groupBy(matching, ({ group }) => group);
    return [...groups].flatMap(([group, members]) => {
      if (group === undefined) return members;
      const turn = turns.get(group) ?? 0;
      turns.set(group, turn + 1);
      const chosen = members[turn % members.length];
      return chosen === undefined ? [] : [chosen];
    });
  };

  const publish = (message: BusMessage): void => {
    // The publisher may write to its buffer again as soon as this returns.
    const kept = { ...message, body: new Uint8Array(message.body) };
    for (const subscription of receivers(message.subject)) enqueue(subscription, kept);
  };

  const subscribe: MessageBus["subscribe"] = (pattern, group, onMessage) => {
    const subscription: Subscription = { pattern, group, onMessage, waiting: [], running: undefined, dropped: 0 };
    subscriptions.add(subscription);
    return {
      async [Symbol.asyncDispose]() {
        subscriptions.delete(subscription);
        if (group !== undefined && ![...subscriptions].some((other) => other.group === group)) turns.delete(group);
        subscription.waiting.length = 0;
        await subscription.running;
      },
    };
  };

  return {
    publish,
    subscribe,
    async request(subject, body, timeout) {
      if (![...subscriptions].some(({ pattern }) => matchesSubject(pattern, subject))) {
        throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot request "${subject}": nobody subscribes to it`);
      }
      inboxes += 1;
      const inbox = `_INBOX.petiole.${inboxes}`;
      const answered = Promise.withResolvers<BusMessage>();
      const timer = new AbortController();
      await using _subscription = subscribe(inbox, undefined, async (message) => answered.resolve(message));
      publish({ subject, body, replyTo: inbox });
      const expired = clock.sleep(timeout, timer.signal).then(() => {
        throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot request "${subject}": no answer in ${timeout} ms`);
      });
      try {
        return await Promise.race([answered.promise, expired]);
      } finally {
        expired.catch(() => {});
        timer.abort();
      }
    },
  };
}
