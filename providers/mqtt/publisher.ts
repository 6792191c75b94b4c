import type { IClientOptions, IClientPublishOptions, IPublishPacket } from "mqtt";
import type { Clock, Logger, Millis } from "#provider";
import { openClient, type OpenClient } from "./client.ts";
import type { RemoteConfig } from "./config.ts";
import { PublishError, type Incoming, type Outgoing } from "./connection.ts";
import { incoming } from "./incoming.ts";
import { keepConnected } from "./keep-connected.ts";

export interface PublisherDeps {
  readonly url: string;
  readonly timeout: Millis;
  readonly common: IClientOptions;
  readonly clientId: string;
  readonly config: RemoteConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Publisher extends AsyncDisposable {
  /** @throws PublishError */
  publish(message: Outgoing): Promise<void>;
  /** @throws PublishError */
  request(message: Outgoing, timeout: Millis): Promise<Incoming>;
}

const NO_ACKNOWLEDGEMENT = "unreachable: the connection was lost before the broker acknowledged";

/** The connection that messages go out on. What cannot be sent now is refused, never queued. */
export function createPublisher(deps: PublisherDeps): Publisher {
  const { config, clock, log, common, clientId } = deps;
  const answers = new Map<string, (answer: Incoming) => void>();
  const inbox = `petiole/${clientId}/answers`;
  /** Those who wait for an acknowledgement, to be told when the connection is lost. */
  const waiting = new Set<(error: PublishError) => void>();
  let up: OpenClient | undefined;
  let requests = 0;

  const failWaiting = (): void => {
    up = undefined;
    for (const reject of waiting) reject(new PublishError(NO_ACKNOWLEDGEMENT));
    waiting.clear();
  };
  const onMessage = async (packet: IPublishPacket): Promise<void> => {
    answers.get(packet.topic)?.(incoming(packet));
  };

  const connection = keepConnected({
    what: "publishing",
    // This connection has nothing that the broker should keep.
    open: async (signal) =>
      await openClient({
        url: deps.url,
        timeout: deps.timeout,
        options: { ...common, clientId: `${clientId}-publisher`, clean: true },
        onMessage,
        signal,
      }),
    onUp: (opened) => {
      up = opened;
      if (config.protocol === "5") {
        opened.client.subscribe(`${inbox}/+`, (err) => {
          if (err) log.warn("Cannot subscribe to the answers of requests", { topic: `${inbox}/+`, err });
        });
      }
    },
    onDown: failWaiting,
    backoff: config.reconnect,
    clock,
    log,
  });

  const publish = async (message: Outgoing): Promise<void> => {
    const client = up?.client;
    if (client?.connected !== true) throw new PublishError("unreachable: not connected to the broker");
    if (waiting.size >= config.max_inflight) {
      throw new PublishError("full: too many messages wait for the broker's acknowledgement");
    }
    const options: IClientPublishOptions = { qos: message.qos, retain: message.retain };
    if (config.protocol === "5" && message.responseTopic !== undefined) {
      options.properties = { responseTopic: message.responseTopic };
    }
    const done = Promise.withResolvers<void>();
    waiting.add(done.reject);
    client.publish(message.topic, Buffer.from(message.payload), options, (error) => {
      if (error === undefined || error === null) done.resolve();
      // With a reason code the broker said no; anything else is the end of the connection.
      else done.reject(new PublishError("code" in error ? `refused: ${error.message}` : NO_ACKNOWLEDGEMENT));
    });
    try {
      await done.promise;
    } finally {
      waiting.delete(done.reject);
    }
  };

  return {
    publish,
    async request(message, timeout) {
      if (config.protocol !== "5") {
        throw new PublishError("unsupported: requests need MQTT 5, this connection speaks 3.1.1");
      }
      requests += 1;
      const responseTopic = `${inbox}/${requests}`;
      const answered = Promise.withResolvers<Incoming>();
      const timer = new AbortController();
      answers.set(responseTopic, answered.resolve);
      const expired = clock.sleep(timeout, timer.signal).then(() => {
        throw new PublishError("timeout: nobody answered in time");
      });
      try {
        return await Promise.race([
          publish({ ...message, responseTopic }).then(async () => await answered.promise),
          expired,
        ]);
      } finally {
        expired.catch(() => {});
        timer.abort();
        answers.delete(responseTopic);
      }
    },
    async [Symbol.asyncDispose]() {
      await connection[Symbol.asyncDispose]();
      failWaiting();
    },
  };
}
