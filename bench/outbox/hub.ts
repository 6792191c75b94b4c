import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { connectNats } from "../../src/adapters/lattice/connection.ts";
import { createForwarder, type Forwarder } from "../../src/adapters/lattice/forwarder.ts";
import type { Store } from "../../src/adapters/store/index.ts";
import { kibibytes, millis } from "../../src/domain/units.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { startNats } from "../../test/support/nats.ts";

/** What may be in flight, in the outbox and in the baseline. */
export const IN_FLIGHT = { rows: 256, bytes: kibibytes(512) };
const STREAM = "FLEET";

/** A real hub on loopback, with a stream in files. */
export interface BenchHub extends AsyncDisposable {
  /** Publishes messages of this size with the client alone, with as many in flight; resolves when all are stored. */
  publishRaw(messages: number, size: number): Promise<void>;
  /** A forwarder for the store, without a limit on its rate. */
  forward(store: Store): Promise<AsyncDisposable & { readonly forwarder: Forwarder }>;
}

export async function startBenchHub(): Promise<BenchHub> {
  await using stack = new AsyncDisposableStack();
  const hub = stack.use(await startNats({ jetstream: true }));
  const client = await connect({ servers: hub.url, noAsyncTraces: true });
  stack.defer(() => client.close());
  const manager = await jetstreamManager(client);
  await manager.streams.add({ name: STREAM, subjects: ["petiole.*.>", "raw.>"], storage: "file" });
  const publisher = jetstream(client);
  let rounds = 0;
  const kept = stack.move();
  return {
    publishRaw: async (messages, size) => {
      rounds += 1;
      const body = new Uint8Array(size).fill(120);
      let next = 0;
      const inTurn = async (): Promise<void> => {
        for (let n = next++; n < messages; n = next++) {
          await publisher.publish("raw.readings.boiler", body, { msgID: `${rounds}-${n}` });
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT.rows }, inTurn));
    },
    forward: async (store) => {
      await using parts = new AsyncDisposableStack();
      const connection = parts.use(connectNats({ servers: [hub.url], name: "bench", log: silentLogger }));
      const forwarder = parts.use(
        createForwarder({
          source: store.outbox,
          connection,
          device: "bench",
          stream: {},
          log: silentLogger,
          window: IN_FLIGHT,
          drain: { messages: undefined, bytes: undefined, jitter: millis(0) },
        }),
      );
      const open = parts.move();
      return { forwarder, [Symbol.asyncDispose]: () => open.disposeAsync() };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Resolves when everything of `standard` up to `seq` is at the hub. */
export async function delivered(store: Store, seq: number): Promise<void> {
  while ((await store.outbox.acknowledged("standard")).seq < seq) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
