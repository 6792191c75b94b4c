import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { type Millis } from "#provider";
import type { RemoteConfig } from "./config.ts";
import { readPem, readSecret } from "./secret.ts";

const GOODBYE = 1000;

/** One connection to a broker. It is never renewed: what comes after it is another one. */
export interface OpenClient extends AsyncDisposable {
  readonly client: MqttClient;
  /** The broker still knew the session. */
  readonly sessionPresent: boolean;
  /** Resolves with the reason when the connection ended. */
  readonly closed: Promise<Error>;
}

export interface OpenOptions {
  readonly options: IClientOptions;
  readonly url: string;
  readonly timeout: Millis;
  /**
   * Called with each message that arrives, one after another; it is acknowledged, and the next one read, when this
   * resolves. After a rejection the connection is given up without an acknowledgement.
   */
  readonly onMessage: (packet: IPublishPacket) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Options that all connections of a provider have in common, with what its files hold.
 * @throws PetioleError ERR_PROVIDER_START
 */
export async function clientOptions(config: RemoteConfig): Promise<IClientOptions> {
  const { tls, password_file, username } = config;
  const password = password_file === undefined ? config.password : await readSecret(password_file);
  const ca = tls?.ca_file === undefined ? undefined : await readPem(tls.ca_file);
  const cert = tls?.cert_file === undefined ? undefined : await readPem(tls.cert_file);
  const key = tls?.key_file === undefined ? undefined : await readPem(tls.key_file);
  return {
    manualConnect: true,
    // Connections are renewed here, with jitter; the library would queue messages without a bound meanwhile.
    reconnectPeriod: 0,
    queueQoSZero: false,
    // The cache of encoded numbers costs megabytes.
    writeCache: false,
    connectTimeout: config.connect_timeout,
    keepalive: Math.round(config.keep_alive / 1000),
    protocolVersion: config.protocol === "5" ? 5 : 4,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** Connects once. A rejected call leaves nothing open. */
export async function openClient({ options, url, timeout, onMessage, signal }: OpenOptions): Promise<OpenClient> {
  signal.throwIfAborted();
  // The library keeps and changes the options it is given.
  const client = connect(url, { ...options, connectTimeout: timeout });
  const up = Promise.withResolvers<boolean>();
  const closed = Promise.withResolvers<Error>();
  let reason: Error | undefined;

  const giveUp = (error: Error): void => {
    reason ??= error;
    client.end(true);
  };
  const handle = (packet: IPublishPacket, acknowledge: () => void): void => {
    onMessage(packet).then(acknowledge, (error: unknown) => {
      giveUp(error instanceof Error ? error : new Error(String(error)));
    });
  };
  // Set here and not in the options, where the library heeds it for MQTT 5 only. Both holds are needed: this one for
  // QoS 1 and 2, whose PUBACK or PUBREC waits for it, the other for QoS 0.
  client.options.customHandleAcks = (_topic, _payload, packet: IPublishPacket, done) => handle(packet, () => done(0));
  client.handleMessage = (packet, done) => {
    if (packet.qos === 0) handle(packet, () => done());
    else done();
  };

  client.once("connect", ({ sessionPresent }) => up.resolve(sessionPresent));
  // Not every error closes the connection by itself.
  client.on("error", giveUp);
  client.on("close", () => {
    const error = reason ?? new Error("the connection was closed");
    up.reject(error);
    closed.resolve(error);
  });
  const abort = (): void => giveUp(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });

  /** Says goodbye, unless acknowledgements are missing, for which the library would wait without a bound. */
  const end = async (): Promise<void> => {
    signal.removeEventListener("abort", abort);
    const force = !client.connected || Object.keys(client.outgoing).length > 0;
    // A peer that no longer answers does not close its side.
    const timer = setTimeout(() => client.stream.destroy(), GOODBYE);
    await client.endAsync(force);
    clearTimeout(timer);
  };
  client.connect();
  try {
    const sessionPresent = await up.promise;
    return { client, sessionPresent, closed: closed.promise, [Symbol.asyncDispose]: async () => await end() };
  } catch (error) {
    await end();
    throw error;
  }
}
