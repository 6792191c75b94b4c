import { once } from "node:events";
import { chmod, mkdir, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { MAX_REQUEST, parseRequest, type ControlOperations, type ControlReply } from "./protocol.ts";
import { reasonOf } from "../../lib/reason.ts";

export type ControlHandlers = { readonly [K in keyof ControlOperations]: () => Promise<ControlOperations[K]> };

export interface ControlServerDeps {
  /** Path of the unix socket; its folder is made if need be. */
  readonly path: string;
  readonly handlers: ControlHandlers;
  readonly log: Logger;
}

/**
 * Answers `petiole status` and its like. The socket is for the agent's user and group only (mode 0660).
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
  await orUnusable(path, async () => {
    server.listen(path);
    await once(server, "listening");
    await chmod(path, 0o660);
  });

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
  let pending = "";
  socket.setEncoding("utf8");
  for await (const chunk of socket) {
    pending += String(chunk);
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      socket.write(`${JSON.stringify(await answer(line, handlers))}\n`);
    }
    if (pending.length > MAX_REQUEST) {
      throw new PetioleError("ERR_CONTROL_PROTOCOL", `Cannot read a request: longer than ${MAX_REQUEST} characters`);
    }
  }
}

async function answer(line: string, handlers: ControlHandlers): Promise<ControlReply> {
  try {
    return { ok: true, value: await handlers[parseRequest(line)]() };
  } catch (error) {
    if (isPetioleError(error)) return { ok: false, code: error.code, message: error.message };
    return { ok: false, code: "ERR_INVARIANT", message: reasonOf(error) };
  }
}

/** True when something accepts connections on `path`; a socket file left by a killed agent refuses them. */
async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
