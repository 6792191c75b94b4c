// Started by http.ts as a process of its own: an HTTP server, plain or with a component behind it.

import { writeSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import type { RunningComponent } from "../../src/runtime/contract.ts";
import { openRuntime, startSubject } from "./subject.ts";

export interface HttpRun {
  /** Undefined for a server without a component. */
  readonly component: string | undefined;
  readonly instances: number;
  readonly glue: "own" | "jco";
  readonly cacheDir: string;
  readonly worker: string;
  readonly transpiler: string;
}

const BODY = Buffer.from("hello from plain Node\n");

const ask = JSON.parse(process.argv[2] ?? "null") as HttpRun; // Written by http.ts only.
const listener = ask.component === undefined ? plain() : serve(await open(ask.component));
const server = createServer(listener);
server.listen(0, "127.0.0.1", () => {
  writeSync(1, `${(server.address() as AddressInfo).port}\n`); // An address: it listens on a port.
});

function plain(): RequestListener {
  return (request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "text/plain", "content-length": BODY.length });
    response.end(BODY);
  };
}

function open(component: string): Promise<RunningComponent> {
  const runtime = openRuntime(ask.cacheDir, {
    glue: ask.glue,
    workerEntry: pathToFileURL(ask.worker),
    transpiler: [process.execPath, "--liftoff-only", "--no-warnings", ask.transpiler],
  });
  return startSubject(runtime, component, { instances: ask.instances });
}

function serve(component: RunningComponent): RequestListener {
  return (request, response) => void answer(component, request, response);
}

async function answer(component: RunningComponent, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { status, headers, body } = await component.http({
      method: request.method ?? "GET",
      scheme: "http",
      authority: request.headers.host,
      pathWithQuery: request.url,
      headers: pairs(request.rawHeaders),
      body: undefined,
    });
    if (!(body instanceof Uint8Array)) throw new Error("The body was to come in one piece");
    response.writeHead(status, [...headers.flat(), "content-length", String(body.length)]);
    response.end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) found.push([raw[index] ?? "", raw[index + 1] ?? ""]);
  return found;
}
