import { once } from "node:events";
import { chmod, lstat, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { PetioleError } from "../domain/errors.ts";
import { seconds, type Millis } from "../domain/units.ts";
import { isErrno } from "../lib/files.ts";
import { reasonOf } from "../lib/reason.ts";
import { isAnswering } from "../lib/unix-socket.ts";
import { DATA_PATH, judgeRequest } from "./access.ts";
import type { Asset } from "./assets.ts";
import type { ListenAddress } from "./listen-address.ts";
import type { Observer } from "./observer.ts";

export interface UiServerDeps {
  readonly listen: ListenAddress;
  readonly token: string;
  /** By path. */
  readonly assets: ReadonlyMap<string, Asset>;
  readonly observer: Pick<Observer, "look">;
  /** Of a connection on which nothing moves, such as that of a client that does not read. */
  readonly patience?: Millis;
}

export interface UiServer extends AsyncDisposable {
  /** As `listen`, with the port that was taken. */
  readonly address: ListenAddress;
}

/** A browser takes six for a page. */
const MAX_CONNECTIONS = 32;
const PATIENCE_MS = 10_000;
/** Longer than the agent may take to answer. */
const IDLE = seconds(30);

// Nothing from anywhere else, nothing within the page's text, and no text that is taken for HTML.
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");
const HEADERS = {
  "content-security-policy": POLICY,
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/**
 * Serves the page and what it asks for. @throws PetioleError ERR_UI_LISTEN when the address cannot be had
 */
export async function openUiServer(deps: UiServerDeps): Promise<UiServer> {
  const { listen, token, assets, observer, patience = IDLE } = deps;
  const server = createServer({ maxHeaderSize: 8 * 1024 }, (request, response) => {
    respond(request, response).catch(() => response.destroy());
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = PATIENCE_MS;
  server.requestTimeout = PATIENCE_MS;
  server.keepAliveTimeout = PATIENCE_MS;
  server.timeout = patience;
  // No upgrade, no tunnel, no waiting for permission to send a body.
  server.on("checkContinue", (_request, response: ServerResponse) => void response.writeHead(417).end());
  server.on("upgrade", (_request, socket) => socket.destroy());
  server.on("connect", (_request, socket) => socket.destroy());

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method } = request;
    // A request that names two hosts is none that a browser makes.
    const [host, ...others] = request.headersDistinct["host"] ?? [];
    const headers = { ...request.headers, host: others.length === 0 ? host : undefined };
    const [path = "", query] = (request.url ?? "").split("?", 2);
    const refusal = judgeRequest({ method, path, headers }, token);
    if (refusal !== undefined) {
      // What else it sends is not read.
      response.shouldKeepAlive = false;
      return send(response, refusal.status, "application/json", `${JSON.stringify({ reason: refusal.reason })}\n`);
    }
    if (path === DATA_PATH) {
      const asked = new URLSearchParams(query);
      const after = Number(asked.get("after") ?? 0);
      const data = await observer.look(asked.get("run") ?? undefined, Number.isSafeInteger(after) ? after : 0);
      return send(response, 200, "application/json", JSON.stringify(data));
    }
    const asset = assets.get(path);
    if (asset === undefined) return send(response, 404, "text/plain; charset=utf-8", "There is nothing here.\n");
    return send(response, 200, asset.type, asset.text);
  }

  try {
    if (listen.kind === "unix") {
      await clearPath(listen.path);
      server.listen(listen.path);
      await once(server, "listening");
      await chmod(listen.path, 0o600);
    } else {
      server.listen(listen.port, listen.host);
      await once(server, "listening");
    }
  } catch (cause) {
    server.close();
    const where = listen.kind === "unix" ? `unix:${listen.path}` : `${listen.host}:${listen.port}`;
    const advice = isErrno(cause, "EADDRINUSE") ? "; --listen takes another one, such as 127.0.0.1:0 for any" : "";
    const message = `Cannot serve the page on "${where}": ${reasonOf(cause)}${advice}`;
    throw new PetioleError("ERR_UI_LISTEN", message, { cause });
  }
  // A connection that cannot be accepted, for want of a descriptor: the page asks again.
  server.on("error", () => {});
  return {
    // An address: it listens on a port.
    address: listen.kind === "unix" ? listen : { ...listen, port: (server.address() as AddressInfo).port },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { ...HEADERS, "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** Takes away what a killed process left, and nothing else. */
async function clearPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (!found.isSocket()) throw new Error("there is a file that is no socket");
  if (await isAnswering(path)) throw new Error("another process answers there");
  await rm(path, { force: true });
}
