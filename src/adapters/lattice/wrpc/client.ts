import type { Msg, MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { isPetioleError, PetioleError, WitError, type ErrorCode } from "../../../domain/errors.ts";
import type { Millis } from "../../../domain/units.ts";
import type { Logger } from "../../../lib/log.ts";
import { MisfitValue } from "../../../lib/wit/value.ts";
import type { LatticeConnection } from "../connection.ts";
import { functionCodecOf, type FunctionCodec, type Outcome } from "./compile.ts";
import { WireFault } from "./faults.ts";
import { callInboxesOf } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import { after, ByteBudget, CALL_LIMITS, type CallLimits } from "./limits.ts";
import {
  brokenPart,
  errorCodeOf,
  headersSize,
  mostPayload,
  sendParts,
  sendValue,
  unreachable,
  wireHeaders,
} from "./outgoing.ts";
import { callSubject, channelSubject, PARAMS, RESULTS } from "./subjects.ts";
import type { WireFunction } from "./types.ts";
import { Writer, type AsyncPart } from "./writer.ts";

export interface WrpcClientOptions {
  readonly connection: LatticeConnection;
  readonly lattice: string;
  readonly log: Logger;
  readonly limits?: Partial<CallLimits>;
}

/** A function of another component or provider of the lattice. */
export interface RemoteFunctionOptions {
  /** Id of the component or provider that is called. */
  readonly target: string;
  /** As WIT has it, version included; undefined for functions of the world itself. */
  readonly instance: string | undefined;
  /** The WIT name: `get`, `[method]bucket.get`. */
  readonly name: string;
  readonly type: WireFunction;
  /** Id of the component or provider that calls. */
  readonly source: string;
  readonly linkName: string;
}

export interface CallOptions {
  readonly timeout?: Millis;
  readonly signal?: AbortSignal;
}

/**
 * Calls the function. Arguments and what it resolves to are in the JavaScript mapping; of a `result` it is the ok value.
 * @throws WitError when the function returned `err`
 * @throws PetioleError ERR_LINK_INVALID when the arguments do not fit, ERR_LATTICE_UNREACHABLE at once when there is no
 *   connection or when it is lost, ERR_CALL_NO_RESPONDER, ERR_CALL_TIMEOUT, ERR_CALL_UNDECODABLE, ERR_CALL_TOO_LARGE,
 *   ERR_CALL_FAILED or, of another petiole, ERR_COMPONENT_… when the other side gave up
 * @throws the signal's reason
 */
export type RemoteFunction = (args: readonly unknown[], options?: CallOptions) => Promise<unknown>;

export interface WrpcClient {
  /** @throws PetioleError ERR_LINK_INVALID for a type that cannot cross between hosts */
  remote(options: RemoteFunctionOptions): RemoteFunction;
}

/** Calls over whatever connection there is at the time. */
export function createWrpcClient(options: WrpcClientOptions): WrpcClient {
  const limits = { ...CALL_LIMITS, ...options.limits };
  const writer = new Writer(limits.value);
  const budget = new ByteBudget(limits.total);
  const { connection, lattice, log } = options;
  return {
    remote: (remote) => {
      const { target, instance, name, type, source, linkName } = remote;
      const what = `${instance === undefined ? "" : `${instance}#`}${name} of "${target}"`;
      const callee: Callee = {
        what,
        subject: callSubject({ lattice, target, instance, name }),
        headers: wireHeaders(`\r\nsource-id: ${source}\r\nlink-name: ${linkName}`),
        codec: functionCodecOf(type),
        limits,
        budget,
        writer,
        log,
      };
      const headers = headersSize(callee.headers);
      return (args, given = {}) =>
        new Promise((resolve, reject) => {
          given.signal?.throwIfAborted();
          const { bytes, parts } = encodeParams(callee, args);
          try {
            const live = connection.current();
            if (live === undefined) throw unreachable(`call ${what}`, connection.state().reason ?? "not connected");
            new RemoteCall({ callee, live, parts, bytes, resolve, reject }).start(headers, given);
          } catch (error) {
            for (const part of parts) part.discard();
            throw isPetioleError(error) ? error : unreachable(`call ${what}`, error);
          }
        });
    },
  };
}

interface Callee {
  /** For messages. */
  readonly what: string;
  readonly subject: string;
  readonly headers: MsgHdrs;
  readonly codec: FunctionCodec;
  readonly limits: CallLimits;
  readonly budget: ByteBudget;
  readonly writer: Writer;
  readonly log: Logger;
}

function encodeParams(callee: Callee, args: readonly unknown[]): { bytes: Uint8Array; parts: readonly AsyncPart[] } {
  const { writer } = callee;
  writer.begin();
  try {
    callee.codec.params.write(writer, args);
    const { parts } = writer;
    return { bytes: writer.take(), parts };
  } catch (error) {
    for (const part of writer.parts) part.discard();
    if (error instanceof MisfitValue) {
      throw new PetioleError("ERR_LINK_INVALID", `Cannot call ${callee.what}: argument ${error.message}`);
    }
    if (error instanceof WireFault) {
      throw new PetioleError("ERR_CALL_TOO_LARGE", `Cannot call ${callee.what}: its arguments take ${error.message}`);
    }
    throw error;
  }
}

interface RemoteCallOptions {
  readonly callee: Callee;
  readonly live: NatsConnection;
  readonly bytes: Uint8Array;
  readonly parts: readonly AsyncPart[];
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

class RemoteCall {
  readonly #options: RemoteCallOptions;
  readonly #incoming: Incoming;
  readonly #inbox: string;
  readonly #stopParts = new AbortController();
  #accepted = false;
  #settled = false;
  #sent = 0;
  #timer: Disposable | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: RemoteCallOptions) {
    this.#options = options;
    const { callee, live } = options;
    const inboxes = callInboxesOf(live);
    this.#inbox = inboxes.create();
    this.#incoming = new Incoming({
      codec: callee.codec.result,
      limits: callee.limits,
      budget: callee.budget,
      // Who calls may forget about a stream at any time.
      budgetStreams: false,
      what: `the results of ${callee.what}`,
      onValue: (value) => this.#succeed(value as Outcome), // The codec of results reads nothing else.
      onFailure: (error) => this.#fail(error),
      onDone: () => inboxes.close(this.#inbox),
    });
    inboxes.open(this.#inbox, {
      onMessage: (rest, message) => this.#receive(rest, message),
      onLost: () => this.#abandon("ERR_LATTICE_UNREACHABLE", "the connection was lost"),
    });
  }

  start(headers: number, { timeout, signal }: CallOptions): void {
    const { callee, live, bytes } = this.#options;
    const limit = timeout ?? callee.limits.call;
    // What is left for the parameters in the message that makes the call.
    this.#sent = Math.min(bytes.length, Math.max(0, mostPayload(live) - headers - this.#inbox.length));
    try {
      live.publish(callee.subject, bytes.subarray(0, this.#sent), { reply: this.#inbox, headers: callee.headers });
    } catch (cause) {
      this.#incoming.fail(unreachable(`call ${callee.what}`, cause));
      return;
    }
    this.#timer = after(limit, () => {
      const stage = this.#accepted ? "it was taken, and not answered" : "nobody took it";
      this.#abandon("ERR_CALL_TIMEOUT", `${stage} within ${limit} ms`);
    });
    if (signal === undefined) return;
    const abort = (): void => {
      this.#settle();
      this.#options.reject(signal.reason);
      this.#abandon("ERR_CALL_TIMEOUT", "it was given up");
    };
    signal.addEventListener("abort", abort, { once: true });
    this.#unlisten = () => signal.removeEventListener("abort", abort);
  }

  #receive(rest: string, message: Msg): void {
    if (rest === "") this.#accept(message);
    else if (rest === RESULTS) this.#receiveResults(message);
    else if (rest.startsWith(`${RESULTS}.`)) this.#receivePart(rest.slice(RESULTS.length + 1), message);
  }

  #receiveResults(message: Msg): void {
    const { data, headers } = message;
    if (data.length === 0 && !this.#incoming.complete) {
      const code = errorCodeOf(headers);
      if (code !== undefined) {
        this.#abandon(code, "the other side gave up");
        return;
      }
    }
    this.#incoming.push(data);
  }

  #receivePart(path: string, { data, headers }: Msg): void {
    const code = data.length === 0 ? errorCodeOf(headers) : undefined;
    if (code === undefined) this.#incoming.pushPart(path, data);
    else this.#incoming.failPart(path, brokenPart(this.#options.callee.what, code));
  }

  #accept(message: Msg): void {
    if (this.#accepted) return;
    this.#accepted = true;
    const { callee, live, bytes, parts } = this.#options;
    const { headers, reply } = message;
    if (headers !== undefined && headers.code >= 300) {
      const { code, description } = headers;
      this.#abandon(codeOfStatus(headers), code === 503 ? "nobody serves it" : `${code} ${description}`);
      return;
    }
    if (reply === undefined || reply === "") {
      this.#abandon("ERR_CALL_UNDECODABLE", "it was taken without a way to go on");
      return;
    }
    try {
      sendValue(live, channelSubject(reply, PARAMS), bytes.subarray(this.#sent));
    } catch (error) {
      this.#incoming.fail(error as PetioleError); // Nothing else is thrown.
      return;
    }
    if (parts.length === 0) return;
    const { writer, log, what } = callee;
    void sendParts(parts, { live, inbox: reply, channel: PARAMS, writer, signal: this.#stopParts.signal }).then(
      (failures) => {
        for (const err of failures) log.debug("A stream of a call's arguments failed", { call: what, err });
      },
    );
  }

  #succeed({ tag, val }: Outcome): void {
    this.#settle();
    if (tag === "ok") this.#options.resolve(val);
    else this.#options.reject(new WitError(val));
  }

  #fail(error: PetioleError): void {
    this.#settle();
    this.#options.reject(error);
    this.#stopParts.abort(error);
    if (!this.#accepted) for (const part of this.#options.parts) part.discard();
  }

  #abandon(code: ErrorCode, reason: string): void {
    this.#incoming.fail(new PetioleError(code, `Cannot call ${this.#options.callee.what}: ${reason}`));
  }

  #settle(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#timer?.[Symbol.dispose]();
    this.#unlisten?.();
  }
}

function codeOfStatus(headers: MsgHdrs): ErrorCode {
  if (headers.code === 503) return "ERR_CALL_NO_RESPONDER";
  return errorCodeOf(headers) ?? "ERR_CALL_FAILED";
}
