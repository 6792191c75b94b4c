// What the host lends to providers. Adapters implement these ports; in-memory twins pass the same suites.

import type { NatsConnection } from "@nats-io/transport-node";
import type { InboxStats } from "../domain/inbox.ts";
import type { LedgerEntry, OutboxMessage, OutboxStats, PublishReceipt } from "../domain/outbox.ts";
import type { CounterBounds } from "../lib/counter.ts";
import type { Bytes, Millis } from "../domain/units.ts";
import type { BackoffOptions } from "../lib/backoff.ts";

/** The way to the hub: stored first, forwarded when the link is there, exactly once and in order per lane. */
export interface Outbox {
  /**
   * Accepts a message. For `critical` it resolves once the row is on disk ("durable"), for `standard` once it is
   * queued for the next group commit ("buffered").
   * @throws PetioleError ERR_OUTBOX_TOO_LARGE, ERR_OUTBOX_FULL, ERR_OUTBOX_SHED, ERR_OUTBOX_QUOTA, ERR_STORE_FAILED,
   * ERR_STORE_VOLATILE
   */
  publish(message: OutboxMessage): Promise<PublishReceipt>;
  stats(): Promise<OutboxStats>;
  ledger(): Promise<readonly LedgerEntry[]>;
}

/** Buckets of keys. Keys are any non-empty string, values any bytes; a bucket exists once something was set in it. */
export interface KeyValueStore {
  get(bucket: string, key: string): Promise<Uint8Array | undefined>;
  set(bucket: string, key: string, value: Uint8Array): Promise<void>;
  /** Deleting what is not there is no error. */
  delete(bucket: string, key: string): Promise<void>;
  has(bucket: string, key: string): Promise<boolean>;
  /** Keys after `after` in binary order, at most `limit`. */
  keys(bucket: string, after: string | undefined, limit: number): Promise<readonly string[]>;
  /** Sets the value if it is still the expected one, undefined for none. False when it is not, and nothing was changed. */
  swap(bucket: string, key: string, expected: Uint8Array | undefined, value: Uint8Array): Promise<boolean>;
  /**
   * Adds to a counter, which is stored as decimal text; a missing key counts as 0. Returns the new value.
   * @throws RangeError when what is stored is no counter or the sum leaves 64 bits, or the bounds; nothing is changed
   */
  increment(bucket: string, key: string, delta: bigint, bounds?: CounterBounds): Promise<bigint>;
}

export interface BusMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo: string | undefined;
}

/**
 * Core NATS. Nothing is kept: a message published while
 * there is no connection is refused, not queued.
 */
export interface MessageBus {
  /** @throws PetioleError ERR_LATTICE_UNREACHABLE */
  publish(message: BusMessage): void;
  /** @throws PetioleError ERR_LATTICE_UNREACHABLE, also when nobody answers within `timeout` */
  request(subject: string, body: Uint8Array, timeout: Millis): Promise<BusMessage>;
  /** Calls `onMessage` in order of arrival, one after another. The subscription survives reconnects. */
  subscribe(
    subject: string,
    queue: string | undefined,
    onMessage: (message: BusMessage) => Promise<void>,
  ): AsyncDisposable;
}

export interface RetryLimits {
  /** A message that failed so often is given up. */
  readonly maxAttempts: number;
  /** How long the next attempt waits. */
  readonly backoff: BackoffOptions;
}

/** Messages that the hub keeps for this device. They are stored here first, so that each is handled without a link too. */
export interface DurableMessages {
  /**
   * Calls `handle` for one message after another, in the order of the hub's stream, and takes a message for handled
   * when it resolves. One that it rejects is handed over again, later and later, until it is given up; at once when it
   * rejects with `MessageRejected`, and not for what it rejects with `MessageDeferred`.
   * @throws PetioleError ERR_LINK_INVALID when another subscription takes some of the same subjects
   */
  subscribe(filter: string, handle: (message: BusMessage) => Promise<void>, limits?: RetryLimits): AsyncDisposable;
}

export interface ProviderInboxOptions {
  /** What may wait; the last message accepted may exceed the bytes. */
  readonly maxMessages: number;
  readonly maxBytes: Bytes;
  /** A message that nobody subscribes to for so long is given up. */
  readonly unclaimed: Millis;
}

/**
 * Messages that a provider has stored before it lets go of them where they came from. Handled as those of
 * `DurableMessages`, in the order in which they were accepted. Those given up are kept, up to a bound, for the status.
 */
export interface ProviderInbox extends DurableMessages, AsyncDisposable {
  /**
   * Stores all of them, or, when there is no room, none and resolves with false. Resolves once they are on disk, with
   * what `along` writes to the key-value store: it is called only when there is room, in the same turn, so that its
   * writes share the commit, after the messages. `admitted` is called then, too: what is accepted after it comes after it.
   * @throws PetioleError ERR_STORE_FAILED; some of them may be stored then
   */
  accept(
    messages: readonly { readonly subject: string; readonly body: Uint8Array }[],
    along?: () => Promise<void>,
    admitted?: () => void,
  ): Promise<boolean>;
  hasRoom(): boolean;
  /** Calls `listener` when `hasRoom` may have changed. */
  onRoom(listener: () => void): Disposable;
  stats(): InboxStats;
}

/** A way to a NATS account, for providers that need more of NATS than messages, such as JetStream. */
export interface NatsPath {
  /** Undefined while there is no connection; another object after each reconnect. It is not the provider's to close. */
  current(): NatsConnection | undefined;
  /** Why there is none, for people. */
  reason(): string | undefined;
  /** A subject for answers that nobody else uses, where the connection's user may listen. */
  newInbox(live: NatsConnection): string;
  /** JetStream domain of the account, when requests have to name it. */
  readonly domain: string | undefined;
}

export interface NatsTarget {
  readonly urls: readonly string[];
  readonly domain?: string | undefined;
  /** Read again for each connection. */
  readonly credentialsFile?: string | undefined;
  /** PEM files. */
  readonly tls?: {
    readonly ca?: string | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
  };
}

export interface NatsPaths {
  /** The agent's own connection to the hub, in both modes. */
  readonly hub: NatsPath;
  /** A connection of the provider's own. Connects in the background, again and again; the caller disposes it. */
  open(target: NatsTarget): NatsPath & AsyncDisposable;
}

export interface HostServices {
  readonly outbox: Outbox;
  readonly keyValue: KeyValueStore;
  /** Among the local clients in leaf mode, at the hub in direct mode. */
  readonly bus: MessageBus;
  /** At the hub in both modes. */
  readonly hubBus: MessageBus;
  readonly inbox: DurableMessages;
  /** The inbox of a provider, by the provider's id; one at a time. @throws PetioleError ERR_STORE_FAILED */
  openInbox(provider: string, options: ProviderInboxOptions): Promise<ProviderInbox>;
  readonly nats: NatsPaths;
  /** Whether the wall clock is known to be right; may change at any time. */
  readonly isClockTrusted: () => boolean;
}
