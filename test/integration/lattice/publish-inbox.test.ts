// Publishing to JetStream over one subscription: which answer belongs to which message, and what goes wrong.

import { jetstreamManager } from "@nats-io/jetstream";
import { connect, errors } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { publishInboxOf } from "../../../src/adapters/lattice/publish-inbox.ts";
import { startNats } from "../../support/nats.ts";
import { waitFor } from "../../support/wait-for.ts";

const BODY = new TextEncoder().encode("21.5");

interface Connz {
  readonly connections: readonly { readonly cid: number; readonly subscriptions: number }[];
}

describe("publishInboxOf()", () => {
  test("gives each message the answer of its own, and the hub its headers", async ({ expect }) => {
    await using server = await startNats({ jetstream: true });
    const connection = await connect({ servers: server.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: "ALL", subjects: ["readings.>"], max_msg_size: 200 });
    const inbox = publishInboxOf(connection);
    const large = new Uint8Array(1000);
    const results = await Promise.allSettled([
      inbox.publish("readings.a", "Nats-Msg-Id: 1\r\nUnit: °C\r\n", BODY),
      inbox.publish("readings.b", "", large),
      inbox.publish("nobody", "", BODY),
      inbox.publish("readings.a", "Nats-Msg-Id: 1\r\n", BODY),
      inbox.publish("readings.c", "", new Uint8Array()),
    ]);
    expect(results).toMatchObject([
      { status: "fulfilled", value: { seq: 1, duplicate: false } },
      { status: "rejected", reason: { code: 10054 } },
      { status: "rejected", reason: expect.any(errors.NoRespondersError) },
      { status: "fulfilled", value: { seq: 1, duplicate: true } },
      { status: "fulfilled", value: { seq: 2, duplicate: false } },
    ]);
    const first = await manager.streams.getMessage("ALL", { seq: 1 });
    expect(first?.header.get("Unit")).toBe("°C");
    expect(first?.string()).toBe("21.5");
    await connection.close();
  });

  test("rejects what no stream would answer", async ({ expect }) => {
    await using server = await startNats();
    const connection = await connect({ servers: server.url });
    const answers = ["null", "{}", "no JSON", '{"seq":0}'];
    connection.subscribe("odd", { callback: (_error, message) => void message.respond(answers.shift()) });
    const inbox = publishInboxOf(connection);
    for (const wanted of [/no sequence/, /no sequence/, /no JSON/, /no sequence/]) {
      await expect(inbox.publish("odd", "", BODY)).rejects.toThrow(wanted);
    }
    await connection.close();
  });

  test("rejects what waits when the connection closes", async ({ expect }) => {
    await using server = await startNats();
    const connection = await connect({ servers: server.url });
    connection.subscribe("silent", { callback: () => {} });
    const waiting = publishInboxOf(connection).publish("silent", "", BODY);
    await connection.flush();
    await Promise.all([expect(waiting).rejects.toThrow(errors.ClosedConnectionError), connection.close()]);
    await expect(publishInboxOf(connection).publish("silent", "", BODY)).rejects.toThrow();
  });

  test("takes one subscription of a connection, however often it is asked for", async ({ expect }) => {
    await using server = await startNats();
    const connection = await connect({ servers: server.url });
    for (let i = 0; i < 20; i += 1) publishInboxOf(connection);
    await connection.flush();
    const count = await waitFor("the server to count", async () => {
      const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz`);
      const { connections } = (await answer.json()) as Connz;
      return connections[0]?.subscriptions;
    });
    expect(count).toBe(1);
    await connection.close();
  });
});
