import { connect as connectTcp } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls, type ConnectionOptions } from "node:tls";
import { MqttClient, type IClientOptions, type IPublishPacket, type IStore } from "mqtt";
import { type Bytes, type Millis } from "#provider";
import type { RemoteConfig } from "./config.ts";
import { limitPackets } from "./packet-limit.ts";
import { readPem, readSecret } from "./secret.ts";

const GOODBYE = 1000;
/** Messages that are written at the same time; what a broker sends of them is its own affair. */
const MOST_HELD = 256;
const PORT = { "mqtt:": 1883, "mqtts:": 8883 } as const;

/** One connection to a broker. It is never renewed: what comes after it is another one. */
export interface OpenClient extends AsyncDisposable {
  readonly client: MqttClient;
  /** The broker still knew the session. */
  readonly sessionPresent: boolean;
  /** The largest packet that the broker takes, when it says so (MQTT 5). */
  readonly largestPacket: number | undefined;
  /** Resolves with the reason when the connection ended. */
  readonly closed: Promise<Error>;
}

/** What all connections of a provider have in common, with what its files hold. */
export interface ClientBase {
  readonly url: string;
  readonly options: IClientOptions;
  readonly tls: ConnectionOptions;
  readonly maxPacket: Bytes;
  readonly timeout: Millis;
}

export interface OpenOptions extends ClientBase {
  /**
   * Called with each message that arrives, one after another; it is acknowledged, and the next one read, when this
   * resolves. Of QoS 1 the next is read when `admitted` was called, and the acknowledgements keep their order. After a
   * rejection the connection is given up without an acknowledgement.
   */
  readonly onMessage: (packet: IPublishPacket, admitted: () => void) => Promise<void>;
  /** Called when the broker releases a message of QoS 2, which it is told is done when this resolves. */
  readonly onRelease?: (messageId: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** @throws PetioleError ERR_PROVIDER_START */
export async function readClientBase(config: RemoteConfig): Promise<ClientBase> {
  const { tls, password_file, username } = config;
  const password = password_file === undefined ? config.password : await readSecret(password_file);
  const ca = tls?.ca_file === undefined ? undefined : await readPem(tls.ca_file);
  const cert = tls?.cert_file === undefined ? undefined : await readPem(tls.cert_file);
  const key = tls?.key_file === undefined ? undefined : await readPem(tls.key_file);
  return {
    url: config.url,
    maxPacket: config.max_packet,
    timeout: config.connect_timeout,
    tls: {
      ...(tls?.server_name !== undefined && { servername: tls.server_name }),
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
    options: {
      // Connections are renewed here, with jitter; the library would queue messages without a bound meanwhile.
      reconnectPeriod: 0,
      manualConnect: true,
      queueQoSZero: false,
      // The cache of encoded numbers costs megabytes.
      writeCache: false,
      resubscribe: false,
      connectTimeout: config.connect_timeout,
      keepalive: Math.round(config.keep_alive / 1000),
      protocolVersion: config.protocol === "5" ? 5 : 4,
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
    },
  };
}

function openStream({ url, tls, maxPacket }: ClientBase): Duplex {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const at = { host, port: port === "" ? PORT[protocol as keyof typeof PORT] : Number(port) }; // The schema allows no other.
  // Without the name a server with several certificates shows the wrong one; an address is none.
  const name = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const stream = protocol === "mqtts:" ? connectTls({ ...at, ...name, ...tls }) : connectTcp(at);
  // An acknowledgement and the message after it are small: waiting for the broker's side to say that it has the first one
  // costs 40 ms with each message.
  stream.setNoDelay(true);
  limitPackets(stream, maxPacket);
  return stream;
}

/** Connects once. A rejected call leaves nothing open. */
export async function openClient(open: OpenOptions): Promise<OpenClient> {
  const { onMessage, onRelease, signal } = open;
  signal.throwIfAborted();
  const up = Promise.withResolvers<Pick<OpenClient, "sessionPresent" | "largestPacket">>();
  const closed = Promise.withResolvers<Error>();
  let reason: Error | undefined;

  const giveUp = (error: unknown): void => {
    reason ??= error instanceof Error ? error : new Error(String(error));
    client.end(true);
  };
  const streamBuilder = (): Duplex => {
    const stream = openStream(open);
    stream.on("error", (error) => {
      reason ??= error;
    });
    return stream;
  };
  // The library keeps and changes the options it is given.
  const client = new MqttClient(streamBuilder, {
    ...open.options,
    incomingStore: createReleaseStore(async (messageId) => await onRelease?.(messageId), giveUp),
  });

  const handle = (packet: IPublishPacket, acknowledge: () => void): void => {
    onMessage(packet, () => {}).then(acknowledge, giveUp);
  };
  const acknowledgements = holdAcknowledgements(client, giveUp);
  /** One commit of the store may be for many messages: the next ones come before this one is on disk. */
  const pipeline = (packet: IPublishPacket, goOn: () => void): void => {
    let gone = false;
    const next = (): void => {
      if (gone) return;
      gone = true;
      goOn();
    };
    const outcome = Promise.withResolvers<void>();
    onMessage(packet, () => {
      if (acknowledgements.hold(packet, outcome.promise)) next();
    }).then(outcome.resolve, outcome.reject);
    outcome.promise.then(next, giveUp);
  };
  // Set here and not in the options, where the library heeds it for MQTT 5 only. Both holds are needed: this one for
  // QoS 1 and 2, whose PUBACK or PUBREC waits for it, the other for QoS 0.
  client.options.customHandleAcks = (_topic, _payload, packet: IPublishPacket, done) =>
    (packet.qos === 1 ? pipeline : handle)(packet, () => done(0));
  client.handleMessage = (packet, done) => {
    if (packet.qos === 0) handle(packet, () => done());
    else done();
  };

  client.once("connect", ({ sessionPresent, properties }) =>
    up.resolve({ sessionPresent, largestPacket: properties?.maximumPacketSize }),
  );
  // Not every error closes the connection by itself.
  client.on("error", giveUp);
  client.on("disconnect", ({ reasonCode }) => {
    reason ??= new Error(`the broker ended the connection with reason code ${reasonCode ?? 0}`);
  });
  client.on("close", () => {
    const error = reason ?? new Error("the connection was closed");
    up.reject(error);
    closed.resolve(error);
  });
  const abort = (): void => giveUp(signal.reason);
  signal.addEventListener("abort", abort, { once: true });

  /** Says goodbye, unless acknowledgements are missing, for which the library would wait without a bound. */
  const end = async (): Promise<void> => {
    signal.removeEventListener("abort", abort);
    const force = !client.connected || Object.keys(client.outgoing).length > 0;
    // A peer that no longer answers does not close its side.
    const timer = setTimeout(() => client.stream.destroy(), GOODBYE);
    if (!force) await acknowledgements.settled();
    await client.endAsync(force);
    clearTimeout(timer);
  };
  client.connect();
  try {
    return { client, ...(await up.promise), closed: closed.promise, [Symbol.asyncDispose]: async () => await end() };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Acknowledgements of messages whose outcome is not known yet, which nevertheless are the library's to send. */
interface HeldAcknowledgements {
  /** False when there are too many: the next message is to wait for this one. */
  hold(packet: IPublishPacket, outcome: Promise<void>): boolean;
  settled(): Promise<void>;
}

type SendPacket = (
  packet: { readonly cmd: string; readonly messageId?: number },
  done?: () => void,
  ...rest: unknown[]
) => void;

/**
 * The library reads the next packet once it has sent the acknowledgement of the one before. It is told that it has, and
 * the PUBACK goes when the message is taken, in the order in which the messages came [MQTT-4.6.0-2].
 */
function holdAcknowledgements(client: MqttClient, giveUp: (error: unknown) => void): HeldAcknowledgements {
  const outcomes = new Map<number, Promise<void>>();
  let held = 0;
  let tail: Promise<unknown> = Promise.resolve();
  // Its types leave out what is private; the version is pinned, and the tests of acknowledgements are about this.
  const library = client as unknown as { _sendPacket: SendPacket };
  const send = library._sendPacket.bind(client);
  library._sendPacket = (...args) => {
    const [packet, done] = args;
    const messageId = packet.cmd === "puback" ? packet.messageId : undefined;
    const outcome = messageId === undefined ? undefined : outcomes.get(messageId);
    if (messageId === undefined || outcome === undefined) return send(...args);
    outcomes.delete(messageId);
    held += 1;
    tail = tail
      .then(async () => await outcome)
      .then(() => {
        held -= 1;
        if (client.connected) send(packet);
      });
    tail.catch(giveUp);
    done?.();
  };
  return {
    hold: ({ messageId = 0 }, outcome) => {
      if (held + outcomes.size >= MOST_HELD) return false;
      outcomes.set(messageId, outcome);
      return true;
    },
    settled: async () => void (await tail.catch(() => {})),
  };
}

/**
 * In place of the library's store for messages of QoS 2 between PUBREC and PUBCOMP, which keeps them in memory: what is
 * handled at PUBLISH needs no keeping, and PUBCOMP waits until the identifier is given back.
 */
function createReleaseStore(release: (messageId: number) => Promise<void>, giveUp: (error: unknown) => void): IStore {
  const store: IStore = {
    put: (_packet, done) => {
      done();
      return store;
    },
    get: ({ messageId = 0 }, done) => {
      const released = { cmd: "publish" as const, topic: "", payload: "", qos: 2 as const, dup: false, retain: false };
      release(messageId).then(() => done(undefined, { ...released, messageId }), giveUp);
      return store;
    },
    del: (_packet, done) => {
      done();
      return store;
    },
    createStream: () => {
      throw new Error("Messages that come in are not kept here");
    },
    close: (done) => done(),
  };
  return store;
}
