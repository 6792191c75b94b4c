import type { Bytes } from "../../domain/units.ts";
import type { BusMessage } from "../../provider/services.ts";

export interface DeliveryQueueOptions {
  readonly limit: { readonly messages: number; readonly bytes: Bytes };
  readonly deliver: (message: BusMessage) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
  /** Told once for each run of dropped messages, when the first of them is dropped, with the total so far. */
  readonly onDrop: (dropped: number) => void;
}

/** Delivers one message after another in order of arrival, and drops new ones while too many wait. */
export interface DeliveryQueue extends AsyncDisposable {
  push(message: BusMessage): void;
}

export function createDeliveryQueue(options: DeliveryQueueOptions): DeliveryQueue {
  const waiting: BusMessage[] = [];
  let bytes = 0;
  let dropped = 0;
  let dropping = false;
  let closed = false;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      bytes -= message.body.length;
      try {
        await options.deliver(message);
      } catch (error) {
        options.onFailure(error);
      }
    }
    running = undefined;
  }

  return {
    push: (message) => {
      if (closed) return;
      const full = waiting.length >= options.limit.messages || bytes + message.body.length > options.limit.bytes;
      if (full && waiting.length > 0) {
        dropped += 1;
        if (!dropping) options.onDrop(dropped);
        dropping = true;
        return;
      }
      dropping = false;
      waiting.push(message);
      bytes += message.body.length;
      running ??= run();
    },
    /** Drops what waits, and resolves when the delivery in progress is done. */
    async [Symbol.asyncDispose]() {
      closed = true;
      waiting.length = 0;
      await running;
    },
  };
}
