// Started by http.ts as a process of its own: an HTTP server, plain or with a component behind it.

import { writeSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import { createHttpServerProvider } from "../../providers/http-server/index.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { createMetricsRegistry } from "../../src/lib/metrics.ts";
import type { HostServices } from "../../src/provider/services.ts";
import type { RunningComponent } from "../../src/runtime/contract.ts";
import { openRuntime, startSubject } from "./subject.ts";

export interface HttpRun {
  /** Undefined for a server without a component. */
  readonly component: string | undefined;
  /** In front of it is the provider http-server, and not the least that does it. */
  readonly provider: boolean;
  readonly instances: number;
  readonly glue: "own" | "jco";
  readonly cacheDir: string;
  readonly worker: string;
  readonly transpiler: string;
}

/** The provider uses none. */
const NONE = {} as HostServices;

const BODY = Buffer.from("hello from plain Node\n");

const ask = JSON.parse(process.argv[2] ?? "null") as HttpRun; // Written by http.ts only.
const component = ask.component === undefined ? undefined : await open(ask.component);
if (component !== undefined && ask.provider) writeSync(1, `${await provide(component)}\n`);
else {
  const server = createServer(component === undefined ? plain() : serve(component));
  server.listen(0, "127.0.0.1", () => {
    writeSync(1, `${(server.address() as AddressInfo).port}\n`); // An address: it listens on a port.
  });
}

/** Gives the port. */
async function provide(served: RunningComponent): Promise<number | undefined> {
  const metrics = createMetricsRegistry().scope("petiole_", { provider: "web" });
  const provider = createHttpServerProvider({
    id: "web",
    log: silentLogger,
    clock: systemClock,
    services: NONE,
    metrics,
  });
  await provider.start(provider.parseConfig({ listen: "127.0.0.1:0" }), new AbortController().signal);
  await provider.bind({
    component: "subject",
    linkName: "default",
    direction: "exports",
    interfaces: provider.calls as readonly string[],
    elsewhere: false,
    shapes: () => [],
    config: provider.parseLinkConfig({}),
    call: (name, functionName, args) => served.call(name, functionName, args),
    http: (request) => served.http(request),
    log: silentLogger,
  });
  return provider.ports[0];
}

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
