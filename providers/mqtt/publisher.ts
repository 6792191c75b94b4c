import type { IClientPublishOptions, IPublishPacket } from "mqtt";
import { seconds, type Clock, type Logger, type Millis } from "#provider";
import { openClient, type ClientBase, type OpenClient } from "./client.ts";
import type { RemoteConfig, WillConfig } from "./config.ts";
import { PublishError, type Incoming, type Outgoing, type PublishOutcome } from "./connection.ts";
import { incoming, packetProperties } from "./incoming.ts";
import { keepConnected } from "./keep-connected.ts";

export interface PublisherDeps {
  readonly base: ClientBase;
  readonly clientId: string;
  readonly config: RemoteConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Publisher extends AsyncDisposable {
  isConnected(): boolean;
  /** @throws PublishError */
  publish(message: Outgoing): Promise<PublishOutcome>;
  /** @throws PublishError */
  request(message: Outgoing, timeout: Millis): Promise<Incoming>;
}

const NO_ACKNOWLEDGEMENT = "unreachable: the connection was lost before the broker acknowledged";
const LAST_WORDS = seconds(1);
const NO_SUBSCRIBERS = 16;
/** Bytes of a packet besides topic, payload and properties, at most. */
const FRAME = 16;

/** The connection that messages go out on. What cannot be sent now is refused, never queued. */
export function createPublisher({ base, clientId, config, clock, log }: PublisherDeps): Publisher {
  const { will } = config;
  const answers = new Map<string, (answer: Incoming) => void>();
  const inbox = `petiole/${clientId}/answers`;
  /** Those who wait for an acknowledgement, to be told when the connection is lost. */
  const waiting = new Set<(error: PublishError) => void>();
  /** Messages that the broker has and nobody subscribes to. The library hands out what was sent, not the answer. */
  const unheard = new Set<number>();
  let up: OpenClient | undefined;
  let requests = 0;

  const failWaiting = (): void => {
    up = undefined;
    for (const reject of waiting) reject(new PublishError("unreachable", NO_ACKNOWLEDGEMENT));
    waiting.clear();
  };
  const onMessage = async (packet: IPublishPacket): Promise<void> => {
    answers.get(packet.topic)?.(incoming(packet, clock.wall()));
  };

  const connection = keepConnected({
    what: "publishing",
    // This connection has nothing that the broker should keep.
    open: async (signal) =>
      await openClient({
        ...base,
        options: {
          ...base.options,
          clientId: `${clientId}-publisher`,
          clean: true,
          ...(will !== undefined && { will: willOption(will, config.protocol) }),
        },
        onMessage,
        signal,
      }),
    onUp: (opened) => {
      up = opened;
      unheard.clear();
      opened.client.on("packetreceive", (packet) => {
        if (packet.cmd === "puback" && packet.reasonCode === NO_SUBSCRIBERS) unheard.add(packet.messageId ?? 0);
      });
      if (config.protocol === "5") {
        opened.client.subscribe(`${inbox}/+`, (err) => {
          if (err) log.warn("Cannot subscribe to the answers of requests", { topic: `${inbox}/+`, err });
        });
      }
      if (will?.birth !== undefined) void sayState(will, will.birth);
    },
    onDown: failWaiting,
    backoff: config.reconnect,
    clock,
    log,
  });

  const sayState = async (about: WillConfig, payload: string): Promise<void> => {
    try {
      await publish({ ...about, payload: Buffer.from(payload), properties: {} });
    } catch (err) {
      log.warn("Cannot publish the state of the connection", { topic: about.topic, err });
    }
  };

  const publish = async (message: Outgoing): Promise<PublishOutcome> => {
    const client = up?.client;
    if (client?.connected !== true) throw new PublishError("unreachable", "unreachable: not connected to the broker");
    if (waiting.size >= config.max_inflight) {
      throw new PublishError("full", "full: too many messages wait for the broker's acknowledgement");
    }
    const { topic, qos, retain } = message;
    const payload = Buffer.from(message.payload);
    if (payload.length + Buffer.byteLength(topic) + FRAME > (up?.largestPacket ?? Infinity)) {
      throw new PublishError("too-large", `too-large: the broker takes packets of at most ${up?.largestPacket} bytes`);
    }
    const options: IClientPublishOptions = { qos, retain };
    if (config.protocol === "5") options.properties = packetProperties(message.properties);
    const done = Promise.withResolvers<PublishOutcome>();
    waiting.add(done.reject);
    client.publish(topic, payload, options, (error, packet) => {
      const isUnheard = unheard.delete(packet?.messageId ?? 0);
      if (error === undefined || error === null) {
        done.resolve(qos === 0 ? "sent" : isUnheard ? "no-subscribers" : "acknowledged");
        return;
      }
      // With a reason code the broker said no; anything else is the end of the connection.
      const code = "code" in error && typeof error.code === "number" ? error.code : undefined;
      done.reject(
        code === undefined
          ? new PublishError("unreachable", NO_ACKNOWLEDGEMENT)
          : new PublishError("refused", `refused: ${error.message}`, code),
      );
    });
    try {
      return await done.promise;
    } finally {
      waiting.delete(done.reject);
    }
  };

  return {
    isConnected: () => up?.client.connected === true,
    publish,
    async request(message, timeout) {
      if (config.protocol !== "5") {
        throw new PublishError("unsupported", "unsupported: requests need MQTT 5, this connection speaks 3.1.1");
      }
      requests += 1;
      const responseTopic = `${inbox}/${requests}`;
      const answered = Promise.withResolvers<Incoming>();
      const timer = new AbortController();
      answers.set(responseTopic, answered.resolve);
      const expired = clock.sleep(timeout, timer.signal).then(() => {
        throw new PublishError("timeout", "timeout: nobody answered in time");
      });
      const properties = { ...message.properties, responseTopic };
      try {
        return await Promise.race([
          publish({ ...message, properties }).then(async () => await answered.promise),
          expired,
        ]);
      } finally {
        expired.catch(() => {});
        timer.abort();
        answers.delete(responseTopic);
      }
    },
    async [Symbol.asyncDispose]() {
      // A broker forgets the will of who says goodbye.
      if (will !== undefined && up?.client.connected === true) {
        const timer = new AbortController();
        const limit = clock.sleep(LAST_WORDS, timer.signal).catch(() => {});
        await Promise.race([sayState(will, will.payload), limit]);
        timer.abort();
      }
      await connection[Symbol.asyncDispose]();
      failWaiting();
    },
  };
}

function willOption(will: WillConfig, protocol: RemoteConfig["protocol"]) {
  const { topic, qos, retain, delay } = will;
  const properties = { willDelayInterval: Math.round(delay / 1000) };
  return { topic, qos, retain, payload: Buffer.from(will.payload), ...(protocol === "5" && { properties }) };
}
