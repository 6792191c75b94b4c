// A server of Node on one address.

import { once } from "node:events";
import { chmod, lstat, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { PetioleError, isAnswering, isErrno, reasonOf } from "#provider";
import { parseAddress } from "./address.ts";
import type { HttpConfig } from "./config.ts";
import { rawRefusal, type RefusalStatus } from "./refusal.ts";
import type { Credentials } from "./tls.ts";

/** Clients of the group may connect, such as a proxy in front. */
const SOCKET_MODE = 0o660;

const STATUS: Readonly<Record<string, RefusalStatus>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

export interface ListenDeps {
  readonly address: string;
  readonly config: HttpConfig;
  /** Undefined: without TLS. */
  readonly credentials: Credentials | undefined;
  readonly onConnection: (socket: Socket) => void;
  readonly onRequest: (asked: IncomingMessage, answer: ServerResponse, expectsContinue: boolean) => void;
  /** What came is not HTTP, or not in time. True when a request is being served on the connection, and is ended. */
  readonly onBroken: (socket: Socket, status: RefusalStatus) => boolean;
}

/** @throws PetioleError ERR_PROVIDER_START */
export async function listen(deps: ListenDeps): Promise<Server | TlsServer> {
  const { address, config, onConnection, onRequest, onBroken } = deps;
  const place = parseAddress(address);
  const options = {
    maxHeaderSize: config.max_header_size,
    headersTimeout: config.header_timeout,
    requestTimeout: config.request_timeout,
    keepAliveTimeout: config.keep_alive,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(config.header_timeout / 4)),
  };
  const credentials = place.path === undefined ? deps.credentials : undefined;
  const server =
    credentials === undefined
      ? createServer(options)
      : createTlsServer({ ...options, ...credentials, handshakeTimeout: config.header_timeout });
  // Their size is what is bounded: beyond a number of them Node would leave some out.
  server.maxHeadersCount = 0;
  server.on("connection", onConnection);
  server.on("request", (asked, answer) => onRequest(asked, answer, false));
  server.on("checkContinue", (asked, answer) => onRequest(asked, answer, true));
  server.on("connect", (_asked, socket) => {
    // Node has taken its own listeners away.
    socket.on("error", () => {});
    socket.end(rawRefusal(405), () => socket.destroy());
  });
  server.on("clientError", (error, socket) => {
    const code = isCoded(error) ? error.code : "";
    const status = STATUS[code] ?? 400;
    // The sockets of these servers are no other streams.
    if (onBroken(socket as Socket, status)) return;
    // What failed below HTTP, such as a handshake, takes no answer.
    if (socket.writable && (status !== 400 || code.startsWith("HPE_"))) {
      socket.end(rawRefusal(status), () => socket.destroy());
    } else socket.destroy();
  });
  try {
    if (place.path !== undefined) await removeStale(place.path);
    server.listen(place.path === undefined ? { host: place.host, port: place.port } : { path: place.path });
    await once(server, "listening");
    // A connection that cannot be accepted, for want of a descriptor: its client tries again.
    server.on("error", () => {});
    if (place.path !== undefined) await chmod(place.path, SOCKET_MODE);
  } catch (cause) {
    server.close();
    throw new PetioleError("ERR_PROVIDER_START", `Cannot listen on "${address}": ${reasonOf(cause)}`, { cause });
  }
  return server;
}

export const portOf = (server: Server): number | undefined => (server.address() as AddressInfo | null)?.port;

const isCoded = (error: Error): error is Error & { readonly code: string } =>
  "code" in error && typeof error.code === "string";

/** Removes the socket that an agent left which did not end in order, and nothing else. */
async function removeStale(path: string): Promise<void> {
  try {
    if ((await lstat(path)).isSocket() && !(await isAnswering(path))) await rm(path);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
