// What listens on one address, and hands requests to the links that are mounted there.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import type { Clock, Logger, Pacer } from "#provider";
import { clientOf } from "./address.ts";
import type { HttpConfig } from "./config.ts";
import { createIdle } from "./idle.ts";
import { listen, portOf } from "./listen.ts";
import { createMounts, type Found, type Mount, type Mounts } from "./mounts.ts";
import { refuse, type Exchange } from "./refusal.ts";
import { hostOf, pathOf, stripPath } from "./routes.ts";
import { serveRequest, targetOf, type Serving, type Target } from "./serve.ts";
import type { Credentials } from "./tls.ts";

/** Requests that may follow one that is being served on its connection; with more, the connection is cut off. */
const MAX_PIPELINED = 64;

/** What the addresses of one provider share. */
export interface Shared {
  readonly config: HttpConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pace: Pacer;
  readonly onConnection: (socket: Socket) => void;
  /** Requests being served or waiting. */
  requests: number;
}

/** Disposing it takes no more connections, lets requests end for the time that they may take, and ends what is left. */
export interface Site extends AsyncDisposable {
  readonly mounts: Mounts;
  /** Undefined for a Unix socket. */
  readonly port: number | undefined;
  /** For connections that are made from now on. */
  renew(credentials: Credentials): void;
}

interface Connection {
  /** The request that has its turn. */
  current: Serving | undefined;
  /** Who serves it. */
  mount: Mount | undefined;
  readonly client: string | undefined;
  readonly waiting: (() => void)[];
  busy: boolean;
}

export interface SiteDeps {
  readonly address: string;
  readonly credentials: Credentials | undefined;
  readonly shared: Shared;
  /** Nothing is mounted any more. */
  readonly onEmpty: () => void;
}

/** @throws PetioleError ERR_PROVIDER_START */
export async function openSite({ address, credentials, shared, onEmpty }: SiteDeps): Promise<Site> {
  const { config, clock, log } = shared;
  const mounts = createMounts({ clock, grace: config.link_grace, address, onEmpty });
  const connections = new WeakMap<Socket, Connection>();
  const idle = createIdle(clock);
  let requests = 0;
  let closing = false;

  const connectionOf = (socket: Socket): Connection => {
    const known = connections.get(socket);
    if (known !== undefined) return known;
    const client = clientOf(socket.remoteAddress);
    const made: Connection = { current: undefined, mount: undefined, client, waiting: [], busy: false };
    connections.set(socket, made);
    return made;
  };

  /** Requests of one connection have their turns one after another, whatever their sender does not wait for. */
  function onRequest(asked: IncomingMessage, answer: ServerResponse, expectsContinue: boolean): void {
    const { socket } = asked;
    const connection = connectionOf(socket);
    const start = (): void => begin(connection, { asked, answer }, expectsContinue);
    if (!connection.busy) start();
    else if (connection.waiting.length < MAX_PIPELINED) connection.waiting.push(start);
    else socket.destroy();
  }

  function begin(connection: Connection, exchange: Exchange, expectsContinue: boolean): void {
    const { asked, answer } = exchange;
    const { socket } = asked;
    const began = config.access_log === "off" ? 0 : clock.monotonic();
    const target = targetOf(asked);
    connection.busy = true;
    shared.requests += 1;
    requests += 1;
    answer.on("close", () => {
      shared.requests -= 1;
      connection.busy = false;
      leave(connection);
      if (config.access_log !== "off") {
        log[config.access_log]("HTTP request", {
          client: connection.client,
          method: asked.method,
          host: target.authority,
          path: pathOf(target.pathWithQuery),
          status: answer.headersSent ? answer.statusCode : undefined,
          complete: answer.writableFinished,
          ms: Math.round(clock.monotonic() - began),
        });
      }
      requests -= 1;
      idle.check(requests);
      if (socket.destroyed) connection.waiting.length = 0;
      else connection.waiting.shift()?.();
    });
    if (closing) answer.shouldKeepAlive = false;
    if (shared.requests > config.max_requests) {
      refuse(exchange, 503);
      return;
    }
    const path = pathOf(target.pathWithQuery);
    const found = mounts.find(hostOf(target.authority), path === "*" ? "/" : path);
    if (found === undefined) refuse(exchange, closing ? 503 : 404);
    else if (found instanceof Promise) {
      void later(found, target, path).then((mounted) => {
        if (answer.destroyed || answer.writableEnded) return;
        if (mounted === undefined) refuse(exchange, 503);
        else serve(connection, exchange, target, mounted, expectsContinue);
      });
    } else serve(connection, exchange, target, found, expectsContinue);
  }

  /** Who took a place may be gone again before it is asked. */
  async function later(first: Promise<Found | undefined>, target: Target, path: string): Promise<Found | undefined> {
    if ((await first) === undefined) return undefined;
    return await mounts.find(hostOf(target.authority), path);
  }

  function serve(
    connection: Connection,
    exchange: Exchange,
    { authority, pathWithQuery }: Target,
    { mount, path }: Found,
    expectsContinue: boolean,
  ): void {
    const { link, serving } = mount;
    const { methods, strip_path, max_body } = link.config;
    const { asked } = exchange;
    if (methods !== undefined && !methods.includes(asked.method ?? "")) {
      refuse(exchange, 405, { headers: ["allow", methods.join(", ")] });
      return;
    }
    const one = serveRequest(
      exchange,
      { authority, pathWithQuery: strip_path ? stripPath(path, pathWithQuery) : pathWithQuery },
      {
        http: link.http,
        maxBody: max_body,
        patience: config.idle_timeout,
        onFailure: (status, err) =>
          shared.pace(`${link.component} ${status}`, (left) =>
            link.log.warn("HTTP request failed", { method: asked.method, path, status, left, err }),
          ),
      },
      expectsContinue,
    );
    connection.current = one;
    connection.mount = mount;
    serving.add(one);
  }

  function leave(connection: Connection): void {
    const { current, mount } = connection;
    connection.current = undefined;
    connection.mount = undefined;
    if (current === undefined || mount === undefined) return;
    mount.serving.delete(current);
    if (mount.serving.size === 0) mount.onIdle?.();
  }

  const server: Server | TlsServer = await listen({
    address,
    config,
    credentials,
    onConnection: shared.onConnection,
    onRequest,
    onBroken: (socket, status) => {
      const connection = connections.get(socket);
      if (connection?.busy !== true) return false;
      if (connection.current === undefined) socket.destroy();
      else connection.current.giveUp(status, "What the client sent is not HTTP, or did not come in time");
      return true;
    },
  });
  log.info("Listening for HTTP", { address, port: portOf(server), tls: "setSecureContext" in server });

  return {
    mounts,
    port: portOf(server),
    renew: (next) => {
      if ("setSecureContext" in server) server.setSecureContext(next);
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      mounts.close();
      server.closeIdleConnections();
      await idle.reached(requests, config.drain_timeout);
      server.closeAllConnections();
      await closed;
    },
  };
}
