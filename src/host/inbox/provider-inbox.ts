import { bytes, mebibytes, type Bytes } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import type { KeyValueStore, ProviderInbox, ProviderInboxOptions } from "../../provider/services.ts";
import { openInbox } from "./inbox.ts";
import { bucketOf } from "./record.ts";

export interface ProviderInboxDeps {
  readonly provider: string;
  readonly keyValue: KeyValueStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly options: ProviderInboxOptions;
}

/** Subscriptions say how often they try; this is for those that do not. */
const MAX_ATTEMPTS = 5;
const MAX_REMOVING = 64;
const CACHE = mebibytes(1);

/** The inbox of the hub's messages for a provider's own: it counts them itself, and takes none for known. */
export async function openProviderInbox(deps: ProviderInboxDeps): Promise<ProviderInbox> {
  const { provider, keyValue, clock, log, options } = deps;
  const inbox = await openInbox({
    bucket: bucketOf(provider),
    keyValue,
    clock,
    log,
    options: { ...options, maxAttempts: MAX_ATTEMPTS, maxRemoving: MAX_REMOVING, cache: CACHE },
  });
  let seq = inbox.last()?.seq ?? 0;
  /** What is being written. */
  let pending: { readonly messages: number; readonly bytes: Bytes } = { messages: 0, bytes: bytes(0) };

  const left = (): { readonly messages: number; readonly bytes: number } => {
    const room = inbox.room();
    return { messages: room.messages - pending.messages, bytes: room.bytes - pending.bytes };
  };
  const count = (messages: number, size: number): void => {
    pending = { messages: pending.messages + messages, bytes: bytes(pending.bytes + size) };
  };

  return {
    subscribe: (filter, handle, limits) => inbox.subscribe(filter, handle, limits),
    hasRoom: () => left().messages > 0 && left().bytes > 0,
    onRoom: (listener) => inbox.onChange(listener),
    stats: () => inbox.stats(),
    accept: async (messages, along, admitted) => {
      const room = left();
      if (messages.length > 0 && (room.messages < messages.length || room.bytes <= 0)) return false;
      const size = messages.reduce((sum, { body }) => sum + body.length, 0);
      count(messages.length, size);
      try {
        const stored = messages.map(async ({ subject, body }) => {
          seq += 1;
          const time = BigInt(Math.round(clock.wall())) * 1_000_000n;
          await inbox.accept({ subject, body, origin: { stream: provider, created: "", seq, time } });
        });
        const written = along?.();
        admitted?.();
        await Promise.all([...stored, written]);
        return true;
      } finally {
        count(-messages.length, -size);
      }
    },
    [Symbol.asyncDispose]: async () => await inbox[Symbol.asyncDispose](),
  };
}
