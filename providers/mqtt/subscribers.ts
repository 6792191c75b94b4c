import { millis, type Clock, type Millis, type ProviderInbox } from "#provider";
import type { Incoming, StoredForm, Subscriber } from "./connection.ts";
import { matchesTopic, subscriptionIdentifier } from "./topic.ts";
import type { Subscription } from "./link-config.ts";

export interface SubscribersDeps {
  readonly clock: Clock;
  readonly inbox: ProviderInbox;
  /** How long a message that nobody wants waits for a component that is about to be linked. */
  readonly grace: Millis;
  /** How long a message waits for room in the inbox. */
  readonly patience: Millis;
}

/** What is written in the turn in which a message is stored, and shares its commit. */
export type Along = () => Promise<void>;

/** There is no room in the inbox: the message stays with who sent it. */
export class InboxFull extends Error {
  override readonly name = "InboxFull";
}

/** The components that are linked to a connection. Disposing it ends every wait. */
export interface Subscribers extends Disposable {
  readonly filters: ReadonlyMap<string, Subscription>;
  add(subscriber: Subscriber): Disposable;
  has(subscriber: Subscriber): boolean;
  /**
   * Brings a message to all that want it. Resolves when it may be acknowledged, also when nobody wants it; rejects
   * when a link ended before its component had it, and with `InboxFull`. `admitted` is called when the message has its place:
   * the next may be taken then, before this one is on disk.
   */
  take(message: Incoming, along?: Along, admitted?: () => void): Promise<void>;
  /** As `take`, for messages of this agent, without waiting; false when too many wait somewhere. */
  offer(message: Incoming, along?: Along): Promise<boolean>;
}

interface Sorted {
  readonly forms: readonly StoredForm[];
  readonly direct: readonly Subscriber[];
  readonly queued: readonly Subscriber[];
}

/**
 * For a while after the start and after a link ended, a message that nobody wants is held: its component may be on its
 * way, and what was acknowledged without it would be lost.
 */
export function createSubscribers({ clock, inbox, grace, patience }: SubscribersDeps): Subscribers {
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

  /** False when `limit` passed first. */
  const waitFor = async (what: Promise<void>, limit: Millis): Promise<boolean> => {
    const timer = new AbortController();
    const expired = clock.sleep(limit, AbortSignal.any([ended.signal, timer.signal]));
    try {
      return await Promise.race([what.then(() => true), expired.then(() => false)]);
    } finally {
      expired.catch(() => {});
      timer.abort();
    }
  };

  const findReceivers = async (message: Incoming): Promise<readonly Subscriber[]> => {
    for (;;) {
      ended.signal.throwIfAborted();
      const found = matching(message);
      const left = graceEnds - clock.monotonic();
      if (found.length > 0 || left <= 0) return found;
      await waitFor(changed.promise, millis(left));
    }
  };

  const sort = (message: Incoming, receivers: readonly Subscriber[]): Sorted => {
    const isQueued = (one: Subscriber): boolean => one.effectiveQos(message.topic, message.qos) === 0;
    const kept = receivers.filter((one) => !isQueued(one));
    return {
      queued: receivers.filter(isQueued),
      forms: kept.flatMap(({ store }) => (store === undefined ? [] : [store(message)])),
      direct: kept.filter(({ store }) => store === undefined),
    };
  };

  const store = async (
    forms: readonly StoredForm[],
    along: Along | undefined,
    admitted?: () => void,
  ): Promise<void> => {
    const until = clock.monotonic() + patience;
    while (!(await inbox.accept(forms, along, admitted))) {
      const left = until - clock.monotonic();
      const room = Promise.withResolvers<void>();
      using _listener = inbox.onRoom(() => inbox.hasRoom() && room.resolve());
      if (inbox.hasRoom()) room.resolve();
      if (left <= 0 || !(await waitFor(room.promise, millis(left)))) {
        throw new InboxFull("the inbox is full, the message stays with its sender");
      }
    }
  };

  return {
    get filters() {
      const all = [...subscribers].flatMap(({ filters }) => filters);
      // Of equal filters the highest QoS counts.
      return new Map(all.sort((a, b) => a.qos - b.qos).map((filter) => [filter.topic, filter]));
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
    async take(message, along, admitted) {
      const { forms, direct, queued } = sort(message, await findReceivers(message));
      for (const receiver of queued) receiver.enqueue(message);
      await Promise.all(direct.map(async (receiver) => await receiver.deliver(message)));
      if (forms.length > 0 || along !== undefined) await store(forms, along, admitted);
    },
    async offer(message, along) {
      const { forms, direct, queued } = sort(message, matching(message));
      if ((forms.length > 0 || along !== undefined) && !(await inbox.accept(forms, along))) return false;
      return [...direct, ...queued].map((receiver) => receiver.enqueue(message)).every(Boolean);
    },
    [Symbol.dispose]: () => ended.abort(new Error("the connection was closed")),
  };
}
