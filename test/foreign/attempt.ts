// Takes a foreign component as far as it goes: load, instantiate, every call.

import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import {
  createServer as createHttpServer,
  Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { PetioleError, WitError, type ErrorCode } from "../../src/domain/errors.ts";
import { mebibytes, millis, seconds } from "../../src/domain/units.ts";
import type { Grants } from "../../src/domain/workload.ts";
import { systemClock } from "../../src/lib/clock.ts";
import type { RunningComponent } from "../../src/runtime/contract.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { recordingLogger, type LogEntry } from "../integration/runtime/support.ts";
import { ORDINARY_INSTANCE } from "../support/workloads.ts";
import { componentFile } from "./files.ts";
import type { ForeignCall, ForeignComponent, Host } from "./foreign-component.ts";

export type Glue = "own" | "jco";

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

export type CallResult = { readonly value: unknown } | { readonly err: unknown } | Failure;

export interface Attempt {
  readonly refused?: Failure & { readonly at: "load" | "instantiate" };
  /** Whose glue it ran on. */
  readonly glue?: Glue;
  readonly calls: readonly { readonly result: CallResult; readonly prints: readonly string[] }[];
}

// Room for a Python interpreter that is interpreted itself until its code is hot.
const LIMITS = {
  ...ORDINARY_INSTANCE.limits,
  memory: mebibytes(512),
  deadline: seconds(60),
  logRate: 1000,
};

export async function attempt(component: ForeignComponent, glue: Glue): Promise<Attempt> {
  const folder = await mkdtemp(join(tmpdir(), "petiole-foreign-"));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  await using surroundings = await surround(component, folder);
  const entries: LogEntry[] = [];
  const log = recordingLogger(entries);
  const restarts = { initial: millis(1), max: millis(1) };
  await using runtime = createRuntime({ cacheDir: join(folder, "cache"), log, clock: systemClock, restarts, glue });

  const prepared = await settle(runtime.prepare(await componentFile(component, folder), AbortSignal.timeout(120_000)));
  if ("failure" in prepared) return { refused: { at: "load", ...prepared.failure }, calls: [] };
  const host = component.host?.() ?? refuse;
  const started = await settle(
    runtime.start(prepared.value, {
      ...ORDINARY_INSTANCE,
      id: component.name,
      env: { ...component.env, ...surroundings.env },
      config: {},
      limits: LIMITS,
      grants: surroundings.grants,
      onImport: async (...asked) => host(...asked),
      onEvent: () => {},
      log,
    }),
  );
  if ("failure" in started) return { refused: { at: "instantiate", ...started.failure }, calls: [] };
  await using running = started.value;
  const calls: Attempt["calls"][number][] = [];
  for (const call of component.calls) {
    const before = entries.length;
    const result = await answer(act(running, call), call);
    calls.push({ result, prints: entries.slice(before).flatMap(printedLine) });
  }
  const linked = entries.some(({ message }) => message === "Component linked");
  return { glue: linked ? "own" : "jco", calls };
}

function act(running: RunningComponent, { interfaceName, functionName, args, request }: ForeignCall): Promise<unknown> {
  return request === undefined ? running.call(interfaceName, functionName, args) : ask(running, request);
}

async function ask(running: RunningComponent, request: NonNullable<ForeignCall["request"]>): Promise<unknown> {
  const response = await running.http({ scheme: "http", authority: "device.local", ...request });
  const body = response.body instanceof Uint8Array ? [response.body] : await Array.fromAsync(response.body);
  return { status: response.status, text: Buffer.concat(body).toString("utf8") };
}

const refuse: Host = (interfaceName, functionName) => {
  throw new Error(`nothing serves ${functionName} of ${interfaceName}`);
};

const printedLine = (entry: LogEntry): string[] => (entry["stream"] === "stdout" ? [String(entry["text"])] : []);

async function settle<T>(work: Promise<T>): Promise<{ readonly value: T } | { readonly failure: Failure }> {
  try {
    return { value: await work };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

async function answer(work: Promise<unknown>, call: ForeignCall): Promise<CallResult> {
  try {
    const value = await work;
    return { value: call.parses === true ? JSON.parse(String(value)) : value };
  } catch (error) {
    return error instanceof WitError ? { err: error.payload } : failureOf(error);
  }
}

function failureOf(error: unknown): Failure {
  if (!(error instanceof PetioleError)) throw error;
  return { code: error.code, message: error.message };
}

interface Surroundings extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  readonly grants: Grants;
}

async function surround(component: ForeignComponent, folder: string): Promise<Surroundings> {
  const data = join(folder, "data");
  const fixed = join(folder, "fixed");
  await mkdir(data);
  await mkdir(fixed);
  await writeFile(join(fixed, "given.txt"), "given\n");
  const folders = [
    { host: data, guest: "/data", write: true },
    { host: fixed, guest: "/fixed", write: false },
  ];
  const server = await startServer(component.server);
  const { port = 9 } = server ?? {};
  return {
    env: { PORT: String(port), AUTHORITY: `127.0.0.1:${port}` },
    grants: {
      folders: component.folders === true ? folders : [],
      network: server === undefined ? [] : [`127.0.0.1:${server.port}`],
    },
    [Symbol.asyncDispose]: async () => server?.[Symbol.asyncDispose](),
  };
}

interface TestServer extends AsyncDisposable {
  readonly port: number;
}

async function startServer(kind: ForeignComponent["server"]): Promise<TestServer | undefined> {
  if (kind === undefined) return undefined;
  const server = kind === "tcp" ? pingServer() : echoServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // It listens on a port.
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      if (server instanceof HttpServer) server.closeAllConnections();
      await closed;
    },
  };
}

/** Answers "pong" to what comes first on a connection. */
const pingServer = (): Server =>
  createServer((socket) => socket.on("error", () => {}).once("data", () => socket.end("pong\n")));

/** Answers with what was asked. */
const echoServer = (): HttpServer => createHttpServer((asked, response) => void echo(asked, response));

async function echo(asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const said = await text(asked).catch(() => "");
  const by = asked.headers["x-asked-by"] ?? "nobody";
  response.writeHead(201).end(`${asked.method} ${asked.url} by ${String(by)}: ${said}`);
}
