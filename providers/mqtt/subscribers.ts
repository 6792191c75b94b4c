import { millis, type Clock, type Millis } from "#provider";
import type { Incoming, Subscriber } from "./connection.ts";
import { matchesTopic, subscriptionIdentifier } from "./topic.ts";

export interface SubscribersDeps {
  readonly clock: Clock;
  /** How long a message that nobody wants waits for a component that is about to be linked. */
  readonly grace: Millis;
}

/** The components that are linked to a connection. Disposing it ends every wait. */
export interface Subscribers extends Disposable {
  readonly filters: ReadonlyMap<string, 0 | 1 | 2>;
  add(subscriber: Subscriber): Disposable;
  has(subscriber: Subscriber): boolean;
  /**
   * Brings a message to all that want it. Resolves when it may be acknowledged, also when nobody wants it; rejects
   * when a link ended before its component had it.
   */
  deliver(message: Incoming): Promise<void>;
  /** As `deliver`, for messages of this agent, without waiting; false when too many wait somewhere. */
  enqueue(message: Incoming): boolean;
}

/**
 * For a while after the start and after a link ended, a message that nobody wants is held: its component may be on its
 * way, and what was acknowledged without it would be lost.
 */
export function createSubscribers({ clock, grace }: SubscribersDeps): Subscribers {
  const subscribers = new Set<Subscriber>();
  const ended = new AbortController();
  let graceEnds = clock.monotonic() + grace;
  let changed = Promise.withResolvers<void>();

  const matching = ({ topic, subscriptions }: Incoming): Subscriber[] =>
    [...subscribers].filter(({ filters }) =>
      filters.some(
        (filter) =>
          matchesTopic(filter.topic, topic) &&
          (subscriptions === undefined || subscriptions.includes(subscriptionIdentifier(filter.topic))),
      ),
    );

  const findReceivers = async (message: Incoming): Promise<readonly Subscriber[]> => {
    for (;;) {
      ended.signal.throwIfAborted();
      const found = matching(message);
      const left = graceEnds - clock.monotonic();
      if (found.length > 0 || left <= 0) return found;
      const timer = new AbortController();
      const signal = AbortSignal.any([ended.signal, timer.signal]);
      const expired = clock.sleep(millis(left), signal);
      try {
        await Promise.race([changed.promise, expired]);
      } finally {
        expired.catch(() => {});
        timer.abort();
      }
    }
  };

  return {
    get filters() {
      const all = [...subscribers].flatMap(({ filters }) => filters);
      // Of equal filters the highest QoS counts.
      return new Map(all.sort((a, b) => a.qos - b.qos).map(({ topic, qos }) => [topic, qos]));
    },
    add(subscriber) {
      subscribers.add(subscriber);
      changed.resolve();
      changed = Promise.withResolvers();
      return {
        [Symbol.dispose]: () => {
          subscribers.delete(subscriber);
          graceEnds = clock.monotonic() + grace;
        },
      };
    },
    has: (subscriber) => subscribers.has(subscriber),
    async deliver(message) {
      const receivers = await findReceivers(message);
      await Promise.all(receivers.map(async (receiver) => await receiver.deliver(message)));
    },
    enqueue: (message) => matching(message).every((receiver) => receiver.enqueue(message)),
    [Symbol.dispose]: () => ended.abort(new Error("the connection was closed")),
  };
}
