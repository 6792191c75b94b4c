// Requests of one instance, by Node's own client. Loaded when the first one is sent.

import { lookup as resolveName } from "node:dns";
import { Agent, request as requestPlain, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as SecureAgent, request as requestSecure } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { err, ok, type WasiResult } from "../result.ts";
import { Signal } from "../waiting.ts";
import type { BodyTarget } from "./body.ts";
import { ClientBody } from "./client-body.ts";
import type { ClientTimeouts, Egress } from "./egress.ts";
import { errorCode, HttpFault, type ErrorCode } from "./error-code.ts";
import type { Fields } from "./fields.ts";
import type { ReceivedResponse } from "./incoming-response.ts";
import { BODY_WINDOW } from "./messages.ts";
import type { Destination } from "./outgoing-request.ts";
import { pairFields } from "../../../lib/http-message.ts";
import { packFields, unpackFields } from "./packed-fields.ts";

export interface Client extends Disposable {
  send(destination: Destination, egress: Egress, timeouts: ClientTimeouts, settle: Settle): ClientCall;
}

export type Settle = (outcome: WasiResult<ReceivedResponse, ErrorCode>) => void;

export interface ClientCall {
  cancel(): void;
}

const POOL = { maxTotalSockets: 16, maxFreeSockets: 4 };
/** May be sent again when a pooled connection turns out to be dead. */
const REPEATABLE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

interface Agents extends Disposable {
  readonly plain: Agent;
  readonly secure: SecureAgent;
  /** No further request comes: connections close as they become free. */
  retire(): void;
}

/** `onFree` is called once for each call, when nothing of it is left. */
export function createClient(onFree: () => void): Client {
  const pools = new Map<string, Agents>();
  const open = new Set<ClientRequest>();

  /** Only the newest settings are used again. */
  function agentsFor(egress: Egress): Agents {
    const known = pools.get(egress.key);
    if (known !== undefined) return known;
    for (const old of pools.values()) old.retire();
    pools.clear();
    const made = createAgents(egress);
    pools.set(egress.key, made);
    return made;
  }

  function send(destination: Destination, egress: Egress, timeouts: ClientTimeouts, settle: Settle): ClientCall {
    const { pipe } = destination;
    const whole = pipe?.complete;
    let current: ClientRequest;
    let cancelled = false;
    const free = Promise.withResolvers<void>();
    // Node looks no address up.
    if (isIP(destination.host) !== 0 && !egress.allowsAddress(destination.host, destination.host)) {
      pipe?.abort({ tag: "destination-IP-prohibited" });
      settle(err({ tag: "destination-IP-prohibited" }));
      onFree();
      return { cancel: () => {} };
    }
    const agents = agentsFor(egress);
    const lookup = lookupFor(egress);
    let receiving: IncomingMessage | undefined;
    const cut = (): void => void (receiving ?? current).destroy(new HttpFault({ tag: "HTTP-response-timeout" }));
    let overall: NodeJS.Timeout | undefined;
    void free.promise.then(() => {
      clearTimeout(overall);
      onFree();
    });

    const attempt = (again: boolean): ClientRequest => {
      const request = openRequest(destination, agents, lookup);
      open.add(request);
      let answered = false;
      let connected = false;
      const fail = (tag: "connection-timeout" | "connection-read-timeout") => () =>
        request.destroy(new HttpFault({ tag }));
      let timer = setTimeout(fail("connection-timeout"), timeouts.connect);
      request.on("socket", (socket) => {
        const onConnect = (): void => {
          connected = true;
          clearTimeout(timer);
          timer = setTimeout(fail("connection-read-timeout"), timeouts.firstByte);
        };
        if (request.reusedSocket) onConnect();
        else socket.once(destination.secure ? "secureConnect" : "connect", onConnect);
      });
      request.on("response", (response) => {
        answered = true;
        clearTimeout(timer);
        receiving = response;
        const size = announcedSize(destination.method, response);
        if (size > egress.maxResponse) {
          settle(err({ tag: "HTTP-response-body-size", val: BigInt(size) }));
          response.destroy();
        } else settle(ok(receive(response, timeouts.betweenBytes, egress.maxResponse)));
      });
      // Node would hand over the connection.
      request.on("upgrade", (_response, socket) => {
        answered = true;
        clearTimeout(timer);
        socket.destroy();
        settle(err({ tag: "HTTP-upgrade-failed" }));
      });
      request.on("error", (error) => {
        clearTimeout(timer);
        if (answered) return;
        answered = true;
        const stale = connected && request.reusedSocket && errorCode(error).tag === "connection-terminated";
        if (
          stale &&
          again &&
          !cancelled &&
          (pipe === undefined || whole !== undefined) &&
          REPEATABLE.has(destination.method)
        ) {
          current = attempt(false);
        } else settle(err(errorCode(error)));
      });
      request.on("close", () => {
        clearTimeout(timer);
        open.delete(request);
        if (request === current) free.resolve();
      });
      if (whole === undefined && pipe !== undefined) {
        pipe.attach(createTarget(request));
        // The server need not wait for the first byte of the body.
        request.flushHeaders();
      } else {
        for (const chunk of whole?.chunks ?? []) request.write(chunk);
        finishRequest(request, whole?.trailers);
      }
      return request;
    };
    // Throws when Node cannot write such a request: then there is nothing to cut.
    current = attempt(true);
    if (timeouts.total !== undefined) overall = setTimeout(cut, timeouts.total);
    return {
      cancel: () => {
        cancelled = true;
        current.destroy(new HttpFault({ tag: "connection-terminated" }));
      },
    };
  }

  return {
    send,
    [Symbol.dispose]: () => {
      for (const request of open) request.destroy();
      for (const agents of pools.values()) agents[Symbol.dispose]();
    },
  };
}

function createAgents({ maxConnections, keepAlive, tls }: Egress): Agents {
  const pool = { ...POOL, keepAlive: keepAlive > 0, maxSockets: maxConnections, timeout: Math.max(1, keepAlive) };
  const plain = new Agent(pool);
  const secure = new SecureAgent({ ...pool, ...tls });
  return {
    plain,
    secure,
    retire: () => {
      for (const agent of [plain, secure]) {
        // What Node looks at when a connection becomes free.
        Object.assign(agent, { keepAlive: false });
        for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
      }
    },
    [Symbol.dispose]: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}

function openRequest(destination: Destination, agents: Agents, lookup: LookupFunction): ClientRequest {
  const { secure, host, port, path, method } = destination;
  const common = { host, port, path, method, headers: wireHeaders(destination), lookup, setHost: false };
  return secure ? requestSecure({ ...common, agent: agents.secure }) : requestPlain({ ...common, agent: agents.plain });
}

/** A connection goes to an address that was judged, and to no other: the name is not looked up a second time. */
function lookupFor(egress: Egress): LookupFunction {
  return (name, options, callback) => {
    resolveName(name, { ...options, all: true }, (error, found) => {
      if (error !== null) {
        callback(error, "");
        return;
      }
      const allowed = found.filter(({ address }) => egress.allowsAddress(name, address));
      const [first] = allowed;
      if (first === undefined) callback(new HttpFault({ tag: "destination-IP-prohibited" }), "");
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/** Names and values in turn, as Node writes them without a change. How the body is framed is decided here. */
function wireHeaders({ authority, headers, method, pipe }: Destination): string[] {
  const all: string[] = ["host", authority];
  for (const [name, value] of unpackFields(headers.pack())) all.push(name, value);
  if (headers.has("content-length")) return all;
  const whole = pipe?.complete;
  if (pipe !== undefined && (whole === undefined || whole.trailers !== undefined))
    all.push("transfer-encoding", "chunked");
  else {
    const length = whole?.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) ?? 0;
    if (length > 0 || method === "POST" || method === "PUT" || method === "PATCH")
      all.push("content-length", String(length));
  }
  return all;
}

function receive(response: IncomingMessage, betweenBytes: number, maxBody: number): ReceivedResponse {
  const body = new ClientBody(response, { betweenBytes, maxBody });
  return { status: response.statusCode ?? 0, headers: packFields(pairFields(response.rawHeaders)), body };
}

/** Of the body, as far as the header says it. */
function announcedSize(method: string, { headers, statusCode }: IncomingMessage): number {
  const hasBody = method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
  return hasBody ? Number(headers["content-length"] ?? 0) : 0;
}

function createTarget(request: ClientRequest): BodyTarget {
  const signal = new Signal();
  let failure: ErrorCode | undefined;
  request.on("error", (error) => {
    failure = errorCode(error);
    signal.notify();
  });
  request.on("close", () => {
    failure ??= { tag: "connection-terminated" };
    signal.notify();
  });
  return {
    space: () => failure ?? Math.max(0, BODY_WINDOW - request.writableLength),
    write: (bytes) => void request.write(bytes, () => signal.notify()),
    flushed: () => request.writableLength === 0,
    end: (trailers) => finishRequest(request, trailers),
    abort: (code) => request.destroy(new HttpFault(code)),
    subscribe: (wake) => signal.subscribe(wake),
  };
}

function finishRequest(request: ClientRequest, trailers: Fields | undefined): void {
  if (trailers !== undefined) request.addTrailers(unpackFields(trailers.pack()));
  request.end();
}
