// The demo's verdict is only worth something if its reader sees every message of the stream, once and in order.

import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { openStreamReader } from "../../../scripts/stage/stored.ts";
import { startNats } from "../../support/nats.ts";

const COUNT = 1200;

describe("openStreamReader()", () => {
  test("reads all messages from the beginning, over several fetches", async ({ expect }) => {
    await using nats = await startNats({ jetstream: true });
    await using stack = new AsyncDisposableStack();
    const connection = await connect({ servers: nats.url });
    stack.defer(async () => await connection.close());
    const reader = await openStreamReader({ connection, stream: "PETIOLE", device: "demo" });
    expect(await reader.readAll()).toEqual([]);

    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "PETIOLE", subjects: ["petiole.*.>"] });

    const publishing = Array.from({ length: COUNT }, (_, seq) => {
      const sequence = headers();
      sequence.set("Petiole-Seq", String(seq + 7));
      const body = JSON.stringify({ seq, value: seq / 2 });
      return jetstream(connection).publish("petiole.demo.standard.readings.boiler", body, { headers: sequence });
    });
    await Promise.all(publishing);
    expect(await reader.count()).toBe(COUNT);
    const expected = Array.from({ length: COUNT }, (_, seq) => ({
      subject: "readings.boiler",
      seq,
      value: seq / 2,
      lane: "standard",
      order: seq + 7,
      body: { seq, value: seq / 2 },
    }));
    expect(await reader.readAll()).toEqual(expected);
    expect(await reader.readAll()).toEqual(expected);
  });
});
