import { MessageDeferred, type BusMessage, type ProviderInbox, type RetryLimits } from "#provider";

type Handle = (message: BusMessage) => Promise<void>;

/** Where the messages of links are in the inbox, by the link. */
export interface Places {
  /**
   * Calls `handle` for what is stored at a place. While a link is replaced, its old and its new binding may both have
   * the place: the newer one gets the messages. Disposing waits for the call that is on its way.
   */
  open(place: string, handle: Handle, limits: RetryLimits): AsyncDisposable;
}

interface Holder {
  readonly handle: Handle;
  readonly limits: RetryLimits;
  running: Promise<void> | undefined;
}

interface Place {
  readonly holders: Holder[];
  subscription: AsyncDisposable | undefined;
}

export function createPlaces(inbox: ProviderInbox): Places {
  const places = new Map<string, Place>();

  const subscribe = (name: string, place: Place, limits: RetryLimits): void => {
    place.subscription = inbox.subscribe(
      `${name}.>`,
      async (message) => {
        const holder = place.holders.at(-1);
        if (holder === undefined) throw new MessageDeferred(`"${name}" is not linked now`);
        holder.running = holder.handle(message);
        await holder.running;
      },
      limits,
    );
  };

  const leave = async (name: string, place: Place, holder: Holder): Promise<void> => {
    place.holders.splice(place.holders.indexOf(holder), 1);
    if (place.holders.length > 0) {
      await holder.running?.catch(() => {});
      return;
    }
    await place.subscription?.[Symbol.asyncDispose]();
    // The link may have come back meanwhile.
    const next = place.holders.at(-1);
    if (next === undefined) places.delete(name);
    else subscribe(name, place, next.limits);
  };

  return {
    open(name, handle, limits) {
      const place = places.get(name) ?? { holders: [], subscription: undefined };
      const holder: Holder = { handle, limits, running: undefined };
      place.holders.push(holder);
      if (!places.has(name)) {
        places.set(name, place);
        subscribe(name, place, limits);
      }
      let left: Promise<void> | undefined;
      return { [Symbol.asyncDispose]: async () => await (left ??= leave(name, place, holder)) };
    },
  };
}
