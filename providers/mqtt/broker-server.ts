import { once as onceEvent } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { PetioleError, type Bytes, type Logger, reasonOf } from "#provider";
import type { BrokerConfig } from "./broker-config.ts";
import { limitPackets } from "./packet-limit.ts";
import { readPem } from "./secret.ts";

const HANDSHAKE_TIMEOUT = 30_000;

export interface BrokerServerDeps {
  readonly config: BrokerConfig;
  readonly maxPacket: Bytes;
  readonly onClient: (socket: Socket) => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Listens until disposed; `stop` first closes the door and leaves who is in. */
export interface BrokerServer extends AsyncDisposable {
  readonly port: number;
  stop(): void;
}

/** @throws PetioleError ERR_PROVIDER_START */
export async function openBrokerServer(deps: BrokerServerDeps): Promise<BrokerServer> {
  const { config, maxPacket, onClient, log, signal } = deps;
  const sockets = new Set<Socket>();
  const enter = (socket: Socket): void => {
    limitPackets(socket, maxPacket);
    onClient(socket);
  };
  const server = await createServerOf(config, enter, log);
  // With TLS this comes before the handshake.
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.maxConnections = config.max_clients;
  // A connection that cannot be accepted: those that are there go on.
  server.on("error", (err) => log.warn("Cannot accept an MQTT client", { err }));
  server.on("drop", () => log.warn("Refused an MQTT client: there are too many", { most: config.max_clients }));
  await listen(server, config.listen, signal);
  const { port } = server.address() as AddressInfo; // A TCP server has no other kind of address.
  log.info("MQTT broker listens", { listen: config.listen, port, tls: config.tls !== undefined });
  const closed = new Promise<void>((resolve) => server.once("close", () => resolve()));
  let stopped = false;
  const stop = (): void => {
    if (!stopped) server.close();
    stopped = true;
  };
  return {
    port,
    stop,
    async [Symbol.asyncDispose]() {
      stop();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function createServerOf({ tls }: BrokerConfig, enter: (socket: Socket) => void, log: Logger): Promise<Server> {
  if (tls === undefined) return createServer({ noDelay: true }, enter);
  const [cert, key] = [await readPem(tls.cert_file), await readPem(tls.key_file)];
  const ca = tls.client_ca_file === undefined ? undefined : await readPem(tls.client_ca_file);
  const asked = ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  try {
    const server = createTlsServer({ cert, key, handshakeTimeout: HANDSHAKE_TIMEOUT, ...asked }, enter);
    server.on("tlsClientError", (error) => log.warn("TLS with an MQTT client failed", { reason: error.message }));
    return server;
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot use the certificate "${tls.cert_file}": ${reason}`, { cause });
  }
}

async function listen(server: Server, address: string, signal: AbortSignal): Promise<void> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  server.listen({ host, port: Number(address.slice(colon + 1)) });
  try {
    await onceEvent(server, "listening", { signal });
  } catch (cause) {
    server.close();
    signal.throwIfAborted();
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_PROVIDER_START", `Cannot listen for MQTT on "${address}": ${reason}`, { cause });
  }
}
