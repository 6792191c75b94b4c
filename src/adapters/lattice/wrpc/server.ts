import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { isPetioleError, PetioleError, WitError, type ErrorCode } from "../../../domain/errors.ts";
import { seconds, type Millis } from "../../../domain/units.ts";
import type { Logger } from "../../../lib/log.ts";
import { MisfitValue } from "../../../lib/wit/value.ts";
import type { LatticeConnection } from "../connection.ts";
import { describeNatsError } from "../nats-error.ts";
import { functionCodecOf, type FunctionCodec, type Outcome } from "./compile.ts";
import { WireFault } from "./faults.ts";
import { callInboxesOf } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import { after, CALL_LIMITS, type CallLimits } from "./limits.ts";
import {
  brokenPart,
  errorCodeOf,
  errorHeaders,
  send,
  sendFailure,
  sendParts,
  sendValue,
  unreachable,
} from "./outgoing.ts";
import { callQueue, callSubject, channelSubject, PARAMS, RESULTS } from "./subjects.ts";
import type { WireFunction } from "./types.ts";
import { Writer, type AsyncPart } from "./writer.ts";

/** Who calls. */
export interface Caller {
  /** Id of a component or provider, or what a tool calls itself; undefined when it does not say. */
  readonly source: string | undefined;
  readonly linkName: string;
  /** Aborts when the server is closed and its time for calls in flight is over. */
  readonly signal: AbortSignal;
}

export interface ServedFunction {
  /** As WIT has it, version included; undefined for functions of the world itself. */
  readonly instance: string | undefined;
  /** The WIT name: `get`, `[method]bucket.get`. */
  readonly name: string;
  readonly type: WireFunction;
  /** Returns the ok value, or throws the err value as WitError. Anything else that it throws ends the caller's call. */
  readonly call: (args: readonly unknown[], caller: Caller) => Promise<unknown>;
}

export interface ServeWrpcOptions {
  readonly connection: LatticeConnection;
  readonly lattice: string;
  /** Of the component or provider that is called. */
  readonly id: string;
  readonly functions: readonly ServedFunction[];
  readonly log: Logger;
  /** Calls that may be worked on or wait at a time; more are refused at once. */
  readonly concurrency?: number;
  readonly limits?: Partial<CallLimits>;
  /** What closing leaves the calls in flight. */
  readonly grace?: Millis;
}

const CONCURRENCY = 256;

/**
 * Serves functions on every connection that there is, as one of the hosts that serve this id. Disposing it takes no
 * further calls and waits for those in flight.
 * @throws PetioleError ERR_LINK_INVALID for a type that cannot cross between hosts
 */
export function serveWrpc(options: ServeWrpcOptions): AsyncDisposable {
  const { connection, lattice, id, log } = options;
  const limits = { ...CALL_LIMITS, ...options.limits };
  const most = options.concurrency ?? CONCURRENCY;
  const stop = new AbortController();
  const served = options.functions.map((one) => ({
    ...one,
    codec: functionCodecOf(one.type),
    subject: callSubject({ lattice, target: id, instance: one.instance, name: one.name }),
    what: `${one.instance === undefined ? "" : `${one.instance}#`}${one.name}`,
  }));
  const stops = new Set<(reason: PetioleError) => void>();
  const shared = { log, limits, writer: new Writer(limits.value), signal: stop.signal, stops };
  const running = new Set<Promise<void>>();
  let owner: NatsConnection | undefined;
  let subscriptions: readonly Subscription[] = [];

  const take = (one: Served, live: NatsConnection, message: Msg): void => {
    // Without it there is nobody to answer.
    if (message.reply === undefined || message.reply === "") return;
    if (running.size >= most) {
      refuse(live, message.reply, "ERR_COMPONENT_BUSY");
      return;
    }
    const call = new ServedCall(one, live, message.reply, shared);
    const ended = call.run(message).catch((err: unknown) => {
      log.debug("A call from another host failed", { function: one.what, err });
    });
    running.add(ended);
    void ended.then(() => running.delete(ended));
  };

  const attach = (): void => {
    const live = connection.current();
    if (live === undefined || live === owner) return;
    owner = live;
    // The client sends what it has to send in order: nobody can answer a call before the inboxes are there.
    callInboxesOf(live);
    subscriptions = served.map((one) =>
      live.subscribe(one.subject, {
        queue: callQueue(lattice, id),
        callback: (error, message) => {
          if (error === null) take(one, live, message);
          else
            log.warn("Calls from other hosts were refused", { function: one.what, reason: describeNatsError(error) });
        },
      }),
    );
  };
  const watching = connection.onChange(attach);
  attach();

  return {
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      // What the server has handed out already is still served. A connection that breaks has none of it.
      await Promise.allSettled(subscriptions.map((one) => one.drain()));
      using _ = after(options.grace ?? seconds(10), () => {
        const reason = new PetioleError("ERR_COMPONENT_STOPPED", `Cannot go on with a call of "${id}": it is stopped`);
        stop.abort(reason);
        for (const end of stops) end(reason);
      });
      await Promise.all(running);
    },
  };
}

interface Served extends ServedFunction {
  readonly codec: FunctionCodec;
  readonly what: string;
}

interface Shared {
  readonly log: Logger;
  readonly limits: CallLimits;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  /** What ends a wait when the signal aborts: listeners of the signal would cost more than the rest of a small call. */
  readonly stops: Set<(reason: PetioleError) => void>;
}

/** Says no before a call was taken: any peer tells its caller at once. */
function refuse(live: NatsConnection, inbox: string, code: "ERR_COMPONENT_BUSY" | "ERR_CALL_UNDECODABLE"): void {
  const status = code === "ERR_COMPONENT_BUSY" ? "429 Too Many Calls" : "400 Bad Parameters";
  send(live, inbox, new Uint8Array(), errorHeaders(code, status));
}

class ServedCall {
  readonly #served: Served;
  readonly #live: NatsConnection;
  /** The caller's inbox. */
  readonly #reply: string;
  readonly #shared: Shared;

  constructor(served: Served, live: NatsConnection, reply: string, shared: Shared) {
    this.#served = served;
    this.#live = live;
    this.#reply = reply;
    this.#shared = shared;
  }

  async run(message: Msg): Promise<void> {
    const { signal } = this.#shared;
    // Headers are read when somebody asks for one.
    const caller: Caller = {
      get source() {
        return header(message, "source-id");
      },
      get linkName() {
        return header(message, "link-name") ?? "default";
      },
      signal,
    };
    let parts: readonly AsyncPart[] = [];
    try {
      const args = await this.#receive(message);
      if (args === undefined) return;
      const outcome = await this.#call(args, caller);
      parts = this.#answer(outcome);
    } catch (error) {
      if (!this.#live.isClosed()) sendFailure(this.#live, channelSubject(this.#reply, RESULTS), codeOf(error));
      throw error;
    }
    if (parts.length === 0) return;
    const { writer, log } = this.#shared;
    const to = { live: this.#live, inbox: this.#reply, channel: RESULTS, writer, signal };
    for (const err of await this.#stoppable(sendParts(parts, to))) {
      log.debug("A stream of a call's results failed", { function: this.#served.what, err });
    }
  }

  /** The arguments; undefined when the call was refused. */
  async #receive(message: Msg): Promise<readonly unknown[] | undefined> {
    const { codec, what } = this.#served;
    const { limits } = this.#shared;
    const inboxes = callInboxesOf(this.#live);
    const inbox = inboxes.create();
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    promise.catch(() => {});
    let fault: PetioleError | undefined;
    const incoming = new Incoming({
      codec: codec.params,
      limits,
      what: `the parameters of ${what}`,
      onValue: (value) => resolve(value as readonly unknown[]), // The codec of parameters reads nothing else.
      onFailure: (error) => {
        fault = error;
        reject(error);
      },
      onDone: () => inboxes.close(inbox),
    });
    // Most calls are all in their first message: those need no inbox.
    incoming.push(message.data, false);
    if (fault !== undefined) {
      refuse(this.#live, this.#reply, "ERR_CALL_UNDECODABLE");
      this.#shared.log.debug("A call from another host was refused", { function: what, err: fault });
      return undefined;
    }
    if (!incoming.done) {
      inboxes.open(inbox, {
        onMessage: (rest, { data, headers }) => {
          if (rest === PARAMS) incoming.push(data);
          if (!rest.startsWith(`${PARAMS}.`)) return;
          const path = rest.slice(PARAMS.length + 1);
          const code = data.length === 0 ? errorCodeOf(headers) : undefined;
          if (code === undefined) incoming.pushPart(path, data);
          else incoming.failPart(path, brokenPart(what, code));
        },
        onLost: () => incoming.fail(unreachable(`read the parameters of ${what}`, "the connection was lost")),
      });
    }
    this.#live.publish(this.#reply, new Uint8Array(), { reply: inbox });
    if (incoming.complete) return promise;
    using _ = after(limits.params, () =>
      incoming.fail(
        new PetioleError(
          "ERR_CALL_TIMEOUT",
          `Cannot read the parameters of ${what}: not there within ${limits.params} ms`,
        ),
      ),
    );
    return await promise;
  }

  async #call(args: readonly unknown[], caller: Caller): Promise<Outcome> {
    try {
      return { tag: "ok", val: await this.#stoppable(this.#served.call(args, caller)) };
    } catch (error) {
      if (error instanceof WitError && this.#served.codec.fallible) return { tag: "err", val: error.payload };
      throw error;
    }
  }

  /** A call that goes on when it should stop is left alone, and its caller told. */
  async #stoppable<T>(work: Promise<T>): Promise<T> {
    const { stops } = this.#shared;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    stops.add(reject);
    work.then(resolve, reject);
    try {
      return await promise;
    } finally {
      stops.delete(reject);
    }
  }

  /** Sends the results; returns the parts of them that are still to be sent. */
  #answer(outcome: Outcome): readonly AsyncPart[] {
    const { writer } = this.#shared;
    writer.begin();
    try {
      this.#served.codec.result.write(writer, outcome);
    } catch (error) {
      for (const part of writer.parts) part.discard();
      if (!(error instanceof MisfitValue)) throw error;
      throw new PetioleError("ERR_INVARIANT", `Cannot answer a call of ${this.#served.what}: ${error.message}`);
    }
    const { parts } = writer;
    sendValue(this.#live, channelSubject(this.#reply, RESULTS), writer.take());
    return parts;
  }
}

function header({ headers }: Msg, name: string): string | undefined {
  const value = headers?.get(name);
  return value === "" ? undefined : value;
}

function codeOf(error: unknown): ErrorCode {
  if (isPetioleError(error)) return error.code;
  return error instanceof WireFault ? "ERR_CALL_TOO_LARGE" : "ERR_CALL_FAILED";
}
