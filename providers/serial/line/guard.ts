import { PetioleError } from "#provider";

/** The parts of the package's Linux binding that are used here. */
export interface LinuxBinding {
  readonly fd: number | null;
  readonly poller: Poller;
  drain(): Promise<void>;
  close(): Promise<void>;
}

type PollEvent = "readable" | "writable";
const FLAGS = { readable: 1, writable: 2 } as const;
type Listener = (error: Error | null) => void;

interface Poller {
  /** Tells of the event once; every listener is told of an error, which `stop` is too. */
  once(event: PollEvent, listener: Listener): unknown;
  off(event: PollEvent, listener: Listener): unknown;
  emit(event: string, ...args: readonly unknown[]): boolean;
  listenerCount(event: PollEvent): number;
  /** Waits for these events from now on, and for no others. */
  poll(events: number): void;
  stop(): void;
}

function isLinuxBinding(value: unknown): value is LinuxBinding {
  return (
    typeof value === "object" &&
    value !== null &&
    "fd" in value &&
    typeof value.fd === "number" &&
    "poller" in value &&
    typeof value.poller === "object" &&
    value.poller !== null &&
    "emit" in value.poller &&
    typeof value.poller.emit === "function"
  );
}

/**
 * Mends the serialport binding of an open port: its add-on calls JavaScript outside of a callback scope, so since
 * Node 26.4 the promises that continue a read wait until something else wakes the event loop. An immediate does that.
 *
 * @throws PetioleError ERR_INVARIANT when the package has changed its binding
 */
export function guardBinding(binding: unknown): LinuxBinding {
  if (!isLinuxBinding(binding)) {
    throw new PetioleError("ERR_INVARIANT", "Cannot guard the serial port: its binding is not the one of Linux");
  }
  const { poller } = binding;
  const emit = poller.emit.bind(poller);
  poller.emit = (event, ...args) => {
    setImmediate(() => {});
    return emit(event, ...args);
  };
  return binding;
}

/** Resolves once the port can be read or written; rejects when it is closed, and with the signal's reason. */
export async function whenReady(poller: Poller, event: PollEvent, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const listener: Listener = (error) => (error === null ? resolve() : reject(error));
  const abort = (): void => reject(signal?.reason as Error);
  signal?.addEventListener("abort", abort, { once: true });
  poller.once(event, listener);
  try {
    // `once` lets go of what somebody else waits for: a writing that stalls would leave the port unread.
    poller.poll((["readable", "writable"] as const).reduce((all, one) => all | flagOf(poller, one), 0));
    await promise;
  } finally {
    signal?.removeEventListener("abort", abort);
    poller.off(event, listener);
  }
}

const flagOf = (poller: Poller, event: PollEvent): number => (poller.listenerCount(event) > 0 ? FLAGS[event] : 0);
