import { createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { generate, parser, type Packet } from "mqtt-packet";
import { createMailbox, type Mailbox } from "./mailbox.ts";

/** One connection of a client to a broker that does only what the test says. */
export interface ScriptedConnection {
  readonly received: readonly Packet[];
  /** Waits for a packet, also among those that have come. */
  wait(cmd: Packet["cmd"]): Promise<Packet>;
  send(packet: Packet): void;
  sendRaw(bytes: Uint8Array): void;
  /** Ends it after what was sent. */
  end(): void;
  /** Ends it without a word. */
  cut(): void;
  readonly closed: Promise<void>;
}

export interface ScriptedBroker extends AsyncDisposable {
  readonly url: string;
  /** The next connection that has sent CONNECT, after the answer to it. Subscriptions are granted by themselves. */
  accept(sessionPresent: boolean): Promise<ScriptedConnection>;
}

/** A broker whose every packet comes from the test. */
export async function startScriptedMqtt(protocolVersion: 4 | 5): Promise<ScriptedBroker> {
  const waiting: Mailbox<Socket> = createMailbox<Socket>();
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    // Cut connections are what the tests are about.
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    waiting.put(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // A TCP server has no other kind of address.

  return {
    url: `mqtt://127.0.0.1:${port}`,
    async accept(sessionPresent) {
      accepted += 1;
      const socket = (await waiting.waitFor(accepted))[accepted - 1];
      if (socket === undefined) throw new Error("no connection");
      const packets = createMailbox<Packet>();
      const reader = parser({ protocolVersion });
      const send = (packet: Packet): void => void socket.write(generate(packet, { protocolVersion }));
      reader.on("packet", (packet) => {
        packets.put(packet);
        if (packet.cmd === "subscribe" && packet.messageId !== undefined) {
          send({ cmd: "suback", messageId: packet.messageId, granted: packet.subscriptions.map(({ qos }) => qos) });
        }
        if (packet.cmd === "pingreq") send({ cmd: "pingresp" });
      });
      socket.on("data", (chunk: Buffer) => void reader.parse(chunk));
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      await packets.find(({ cmd }) => cmd === "connect");
      send({ cmd: "connack", returnCode: 0, reasonCode: 0, sessionPresent });
      return {
        received: packets.all,
        wait: async (cmd) => await packets.find((packet) => packet.cmd === cmd),
        send,
        sendRaw: (bytes) => void socket.write(bytes),
        end: () => void socket.end(),
        cut: () => socket.resetAndDestroy(),
        closed,
      };
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
