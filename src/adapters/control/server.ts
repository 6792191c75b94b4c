import { once } from "node:events";
import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import { isAnswering } from "../../lib/unix-socket.ts";
import { parseRequest } from "./parse-request.ts";
import {
  MAX_REQUEST,
  type ControlOperation,
  type ControlReply,
  type ParamsOf,
  type ProgressOf,
  type ValueOf,
} from "./protocol.ts";
import { requestLines } from "./request-lines.ts";

/** What belongs to one request. */
export interface ControlCall<Progress> {
  /** Tells the asker how far it is; may be called as often as it makes sense to a person. */
  readonly report: (progress: Progress) => void;
  /** Aborts when the asker went away. */
  readonly signal: AbortSignal;
}

export type ControlHandler<K extends ControlOperation> = (
  params: ParamsOf<K>,
  call: ControlCall<ProgressOf<K>>,
) => Promise<ValueOf<K>>;

export type ControlHandlers = { readonly [K in ControlOperation]: ControlHandler<K> };

/** Each may hold one request in memory. */
const MAX_CONNECTIONS = 32;

export interface ControlServerDeps {
  /** Path of the unix socket; its folder is made if need be. */
  readonly path: string;
  readonly handlers: ControlHandlers;
  readonly log: Logger;
}

/**
 * Answers `petiole status`, `petiole outbox` and their like. The socket is for the agent's user and group only (mode 0660).
 * @throws PetioleError ERR_STORE_LOCKED when another agent answers on the same path, ERR_CONTROL_UNREACHABLE when the
 *   socket cannot be made
 */
export async function openControlServer({ path, handlers, log }: ControlServerDeps): Promise<AsyncDisposable> {
  await orUnusable(path, () => mkdir(dirname(path), { recursive: true, mode: 0o750 }));
  if (await isAnswering(path)) {
    throw new PetioleError("ERR_STORE_LOCKED", `Cannot open the control socket "${path}": another agent answers on it`);
  }
  await orUnusable(path, () => rm(path, { force: true }));

  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", (error) => log.debug("Control connection failed", { err: error }));
    serve(socket, handlers).catch((error: unknown) => {
      log.debug("Control connection ended", { err: error });
      socket.destroy();
    });
  });
  server.maxConnections = MAX_CONNECTIONS;
  await orUnusable(path, async () => {
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o660);
  });
  // A connection that cannot be accepted, for want of a descriptor: whoever wanted it asks again.
  server.on("error", (err) => log.warn("Cannot accept a control connection", { err }));

  return {
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}

async function orUnusable(path: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_CONTROL_UNREACHABLE", `Cannot open the control socket "${path}": ${reason}`, { cause });
  }
}

async function serve(socket: Socket, handlers: ControlHandlers): Promise<void> {
  const gone = new AbortController();
  socket.on("close", () => gone.abort(new Error("the asker closed the connection")));
  const send = (reply: ControlReply): void => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
  };
  for await (const line of requestLines(socket, MAX_REQUEST)) {
    send(await answer(line, handlers, { report: (progress) => send({ progress }), signal: gone.signal }));
  }
}

async function answer(line: string, handlers: ControlHandlers, call: ControlCall<unknown>): Promise<ControlReply> {
  try {
    const { op, params } = parseRequest(line);
    // The request was parsed with the schema of its operation.
    const handler = handlers[op] as (params: unknown, call: ControlCall<unknown>) => Promise<unknown>;
    return { ok: true, value: await handler(params, call) };
  } catch (error) {
    if (isPetioleError(error)) return { ok: false, code: error.code, message: error.message };
    return { ok: false, code: "ERR_INVARIANT", message: reasonOf(error) };
  }
}
