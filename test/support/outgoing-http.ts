// wasi:http/outgoing-handler without a component: what a component would do with it, and servers for it.

import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket, createServer as createNetServer } from "node:net";
import type { FutureTrailers } from "../../src/runtime/wasi/http/body.ts";
import type { ErrorCode } from "../../src/runtime/wasi/http/error-code.ts";
import { Fields } from "../../src/runtime/wasi/http/fields.ts";
import type { FutureIncomingResponse, IncomingResponse } from "../../src/runtime/wasi/http/incoming-response.ts";
import { createHttp, type Http, type HttpHost } from "../../src/runtime/wasi/http/index.ts";
import { OutgoingRequest, type RequestOptions } from "../../src/runtime/wasi/http/outgoing-request.ts";
import { parseNetworkGrants } from "../../src/runtime/wasi/network-grants.ts";
import type { WasiResult } from "../../src/runtime/wasi/result.ts";
import type { InputStream } from "../../src/runtime/wasi/streams.ts";
import type { Suspend } from "../../src/runtime/wasi/waiting.ts";

export const suspend: Suspend = (arm) => new Promise((resume) => void arm(resume));

type Handle = (request: OutgoingRequest, options?: RequestOptions) => WasiResult<FutureIncomingResponse, ErrorCode>;

export interface OutgoingHttp extends Http {
  readonly handle: Handle;
}

export const openHttp = (...grants: string[]): OutgoingHttp => openHttpOf({ grants });

export function openHttpOf({ grants = [], ask }: { grants?: string[]; ask?: HttpHost["ask"] }): OutgoingHttp {
  const http = createHttp({ suspend, grants: parseNetworkGrants(grants), ask });
  const handler = http.interfaces["wasi:http/outgoing-handler"] as { readonly handle: Handle };
  return { ...http, handle: handler.handle };
}

export interface Serving extends AsyncDisposable {
  readonly authority: string;
  readonly port: number;
  readonly sockets: ReadonlySet<Socket>;
}

export async function listen(server: Server | ReturnType<typeof createNetServer>): Promise<Serving> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    authority: `127.0.0.1:${port}`,
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export const serve = (listener: RequestListener): Promise<Serving> => listen(createServer(listener));

export function request(authority: string, headers: Record<string, string> = {}): OutgoingRequest {
  const fields = new Fields();
  for (const [name, value] of Object.entries(headers)) fields.append(name, Buffer.from(value));
  const made = new OutgoingRequest(suspend, fields);
  made.setScheme({ tag: "HTTP" });
  made.setAuthority(authority);
  return made;
}

export async function answer(future: FutureIncomingResponse): Promise<WasiResult<IncomingResponse, ErrorCode>> {
  await future.subscribe().block();
  return unwrap(future.get());
}

/** The code that the request failed with. */
export async function failure(found: WasiResult<FutureIncomingResponse, ErrorCode>): Promise<string> {
  if (found.tag === "err") return found.val.tag;
  const answered = await answer(found.val);
  return answered.tag === "err" ? answered.val.tag : `status ${answered.val.status()}`;
}

export function unwrap<T>(result: WasiResult<T, unknown> | undefined): T {
  if (result?.tag !== "ok") throw new Error(`found ${JSON.stringify(result)}, want ok`);
  return result.val;
}

/** The bytes, and how the stream ended. */
export async function readAll(stream: InputStream): Promise<{ readonly text: string; readonly end: string }> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const read = await stream.blockingRead(65_536n);
    if (read.tag === "err") return { text: Buffer.concat(chunks).toString(), end: read.val.tag };
    chunks.push(read.val);
  }
}

export async function trailersOf(future: FutureTrailers): Promise<WasiResult<Fields | undefined, ErrorCode>> {
  await future.subscribe().block();
  return unwrap(future.get());
}
