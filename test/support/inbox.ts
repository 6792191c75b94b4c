import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { Store } from "../../src/adapters/store/index.ts";
import { openInbox, type Inbox, type InboxOptions } from "../../src/host/inbox/inbox.ts";
import { mebibytes, millis, minutes } from "../../src/domain/units.ts";
import { systemClock, type Clock } from "../../src/lib/clock.ts";
import { silentLogger, type Logger } from "../../src/lib/log.ts";
import { createMemoryStore } from "../../providers/keyvalue/memory-store.ts";
import { openProviderInbox } from "../../src/host/inbox/provider-inbox.ts";
import type { HostServices, KeyValueStore } from "../../src/provider/services.ts";
import { waitFor } from "./wait-for.ts";

export interface TestInboxOptions extends Partial<InboxOptions> {
  readonly store?: Pick<Store, "keyValue">;
  readonly clock?: Clock;
  readonly log?: Logger;
}

/** Buckets that are gone with the test. */
export const createMemoryKeyValue = (): KeyValueStore => createMemoryStore(mebibytes(16));

/** What a provider with an inbox of its own needs. */
export function inboxServices(
  keyValue: KeyValueStore = createMemoryKeyValue(),
  log: Logger = silentLogger,
): Pick<HostServices, "keyValue" | "openInbox"> {
  return {
    keyValue,
    openInbox: async (provider, options) =>
      await openProviderInbox({ provider, options, keyValue, clock: systemClock, log }),
  };
}

/** An inbox whose pauses are short. */
export async function openTestInbox({ store, clock, log, ...options }: TestInboxOptions = {}): Promise<Inbox> {
  return await openInbox({
    keyValue: store?.keyValue ?? createMemoryKeyValue(),
    clock: clock ?? systemClock,
    log: log ?? silentLogger,
    options: {
      maxMessages: 100,
      maxBytes: mebibytes(1),
      maxAttempts: 3,
      unclaimed: minutes(60),
      backoff: { initial: millis(1), max: millis(5) },
      ...options,
    },
  });
}

export const textOf = (body: Uint8Array): string => new TextDecoder().decode(body);

/** The hub's stream of messages for devices, as an operator makes it. */
export async function createInboundStream(manager: JetStreamManager): Promise<void> {
  await manager.streams.add({ name: "COMMANDS", subjects: ["petiole-in.*.>"], storage: "file" });
}

/** Sends `from..to` to a device, each once the hub has the one before; a hub that is starting is waited for. */
export async function sendCommands(client: JetStreamClient, device: string, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n++) {
    // With an id the hub takes it once, however often it is sent.
    const send = () => client.publish(`petiole-in.${device}.commands.lamp`, String(n), { msgID: `command-${n}` });
    await waitFor(`the hub to take command ${n}`, send);
  }
}
