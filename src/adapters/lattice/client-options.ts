import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import {
  credsAuthenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { seconds } from "../../domain/units.ts";
import type { ConnectNatsOptions, NatsEndpoint, NatsTls } from "./connection.ts";

export function isWebSocket(server: string): boolean {
  return /^wss?:/.test(server);
}

/** What the client is told for one of the servers. Reads the files of the credentials, and throws when it cannot. */
export function clientOptions(server: string, options: ConnectNatsOptions): NodeConnectionOptions {
  const url = new URL(server);
  // The client takes user and password apart from the address.
  const address = `${url.protocol}//${url.host}${isWebSocket(server) ? url.pathname : ""}`;
  const tls = options.tls ?? (url.protocol === "tls:" ? {} : undefined);
  return {
    servers: [isWebSocket(server) ? address : url.host],
    name: options.name,
    ...(options.inboxRoot === undefined ? {} : { inboxPrefix: options.inboxRoot }),
    reconnect: false,
    pingInterval: options.pingInterval ?? seconds(10),
    maxPingOut: 2,
    timeout: options.connectTimeout ?? seconds(10),
    ignoreClusterUpdates: true,
    // Without traces of the caller for each request: a window of requests is in flight all the time.
    noAsyncTraces: true,
    ...logIn(url, options),
    ...(tls === undefined || isWebSocket(server) ? {} : { tls: clientTls(url.hostname, tls) }),
  };
}

function logIn(url: URL, endpoint: NatsEndpoint): Partial<NodeConnectionOptions> {
  const { credentials, nkeyFile, nkeySeed, jwt, user, password, token } = endpoint;
  if (credentials !== undefined) return { authenticator: credsAuthenticator(readFileSync(credentials)) };
  const seed = nkeySeed ?? (nkeyFile === undefined ? undefined : readFileSync(nkeyFile, "utf8").trim());
  if (seed !== undefined) {
    const bytes = new TextEncoder().encode(seed);
    return { authenticator: jwt === undefined ? nkeyAuthenticator(bytes) : jwtAuthenticator(jwt, bytes) };
  }
  const [name, secret] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  if (name !== "" && secret !== "") return { user: name, pass: secret };
  if (name !== "") return { token: name };
  return {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(token === undefined ? {} : { token }),
  };
}

function clientTls(host: string, tls: NatsTls): NonNullable<NodeConnectionOptions["tls"]> {
  const name = host.replace(/^\[|\]$/g, "");
  return {
    ...(tls.ca === undefined ? {} : { caFile: tls.ca }),
    ...(tls.cert === undefined ? {} : { certFile: tls.cert }),
    ...(tls.key === undefined ? {} : { keyFile: tls.key }),
    ...(tls.handshakeFirst === undefined ? {} : { handshakeFirst: tls.handshakeFirst }),
    // The client names no host for an address, and the certificate would be compared with "localhost".
    ...(isIP(name) === 0 ? {} : { host: name }),
  };
}
