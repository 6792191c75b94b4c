import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { PetioleError, WitError, type ErrorCode } from "../../../domain/errors.ts";
import { millis, seconds } from "../../../domain/units.ts";
import type { Logger } from "../../../lib/log.ts";
import { MisfitValue } from "../../../lib/wit/value.ts";
import type { FunctionCodec, Outcome } from "./compile.ts";
import { callInboxesOf } from "./inbox.ts";
import { Incoming } from "./incoming.ts";
import { after, type ByteBudget, type CallLimits } from "./limits.ts";
import {
  brokenPart,
  errorCodeOf,
  errorHeaders,
  send,
  sendFailure,
  sendParts,
  sendValue,
  toldCode,
  unreachable,
} from "./outgoing.ts";
import { channelSubject, PARAMS, RESULTS } from "./subjects.ts";
import type { WireFunction } from "./types.ts";
import type { AsyncPart, Writer } from "./writer.ts";

/** Far below what any caller waits to be accepted. */
const SOON = millis(10);
/**
 * Without results, the end of a call that failed looks like that of one that did not to callers who do not know our
 * header. Before it is accepted it can be refused, which everybody understands.
 */
const SOON_WITHOUT_RESULTS = seconds(2);

/** Who calls. */
export interface Caller {
  /** Id of a component or provider, or what a tool calls itself; undefined when it does not say. */
  readonly source: string | undefined;
  readonly linkName: string;
  /** Aborts when the server is closed and its time for calls in flight is over. One of this call alone. */
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

export interface Served extends ServedFunction {
  readonly codec: FunctionCodec;
  readonly what: string;
}

export interface Shared {
  readonly log: Logger;
  readonly limits: CallLimits;
  readonly budget: ByteBudget;
  readonly writer: Writer;
  readonly signal: AbortSignal;
  /** What ends a wait when the signal aborts: listeners of the signal would cost more than the rest of a small call. */
  readonly stops: Set<(reason: PetioleError) => void>;
}

const STATUS: Partial<Record<ErrorCode, string>> = {
  ERR_COMPONENT_BUSY: "429 Too Many Calls",
  ERR_CALL_UNDECODABLE: "400 Bad Parameters",
  ERR_CALL_TOO_LARGE: "413 Too Large",
};

/** Says no before a call was accepted: any peer tells its caller at once. */
export function refuse(live: NatsConnection, inbox: string, code: ErrorCode): void {
  send(live, inbox, new Uint8Array(), errorHeaders(code, STATUS[code] ?? "500 Call Failed"));
}

/** One call: its parameters come in, it is made, its results go out. */
export class ServedCall {
  readonly #served: Served;
  readonly #live: NatsConnection;
  /** The caller's inbox. */
  readonly #reply: string;
  readonly #shared: Shared;
  #incoming: Incoming | undefined;
  /** What accepts the call; undefined when that is done. */
  #accept: (() => void) | undefined;
  #waiting: Disposable | undefined;

  constructor(served: Served, live: NatsConnection, reply: string, shared: Shared) {
    this.#served = served;
    this.#live = live;
    this.#reply = reply;
    this.#shared = shared;
  }

  async run(message: Msg): Promise<void> {
    try {
      await this.#serve(message);
    } finally {
      this.#incoming?.close();
    }
  }

  async #serve(message: Msg): Promise<void> {
    using abort = lazySignal(this.#shared.stops);
    // Headers are read when somebody asks for one.
    const caller: Caller = {
      get source() {
        return header(message, "source-id");
      },
      get linkName() {
        return header(message, "link-name") ?? "default";
      },
      get signal() {
        return abort.signal;
      },
    };
    let parts: readonly AsyncPart[] = [];
    try {
      const args = await this.#receive(message);
      if (args === undefined) return;
      const outcome = await this.#call(args, caller);
      parts = this.#answer(outcome);
    } catch (error) {
      this.#fail(toldCode(error));
      throw error;
    }
    if (parts.length === 0) return;
    const { writer, log, signal } = this.#shared;
    const to = { live: this.#live, inbox: this.#reply, channel: RESULTS, writer, signal };
    for (const err of await this.#stoppable(sendParts(parts, to))) {
      log.debug("A stream of a call's results failed", { function: this.#served.what, err });
    }
  }

  /** The arguments; undefined when the call was refused. */
  async #receive(message: Msg): Promise<readonly unknown[] | undefined> {
    const { codec, what } = this.#served;
    const { limits, budget } = this.#shared;
    const inboxes = callInboxesOf(this.#live);
    const inbox = inboxes.create();
    const { promise, resolve, reject } = Promise.withResolvers<readonly unknown[]>();
    promise.catch(() => {});
    let fault: PetioleError | undefined;
    const incoming = new Incoming({
      codec: codec.params,
      limits,
      budget,
      budgetStreams: true,
      what: `the parameters of ${what}`,
      onValue: (value) => resolve(value as readonly unknown[]), // The codec of parameters reads nothing else.
      onFailure: (error) => {
        fault = error;
        reject(error);
      },
      onDone: () => inboxes.close(inbox),
    });
    this.#incoming = incoming;
    // Most calls are all in their first message: those need no inbox.
    incoming.push(message.data, false);
    if (fault !== undefined) {
      refuse(this.#live, this.#reply, fault.code);
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
    this.#prepareAccept(inbox, incoming.done);
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

  /** A call of which all is here is accepted with its answer when that comes soon, which spares both sides a turn. */
  #prepareAccept(inbox: string, complete: boolean): void {
    const soon = this.#served.codec.result.least === 0 ? SOON_WITHOUT_RESULTS : SOON;
    this.#waiting = complete ? after(soon, () => this.#accept?.()) : undefined;
    this.#accept = () => {
      this.#accept = undefined;
      this.#waiting?.[Symbol.dispose]();
      if (!this.#live.isClosed()) this.#live.publish(this.#reply, new Uint8Array(), { reply: inbox });
    };
    if (!complete) this.#accept();
  }

  #fail(code: ErrorCode): void {
    this.#waiting?.[Symbol.dispose]();
    if (this.#live.isClosed()) return;
    if (this.#accept === undefined) sendFailure(this.#live, channelSubject(this.#reply, RESULTS), code);
    else refuse(this.#live, this.#reply, code);
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
    this.#accept?.();
    sendValue(this.#live, channelSubject(this.#reply, RESULTS), writer.take());
    return parts;
  }
}

/** Most calls never ask for theirs. */
function lazySignal(stops: Shared["stops"]): Disposable & { readonly signal: AbortSignal } {
  let made: AbortController | undefined;
  const stop = (reason: PetioleError): void => made?.abort(reason);
  return {
    get signal() {
      made ??= new AbortController();
      stops.add(stop);
      return made.signal;
    },
    [Symbol.dispose]: () => void stops.delete(stop),
  };
}

function header({ headers }: Msg, name: string): string | undefined {
  const value = headers?.get(name);
  return value === "" ? undefined : value;
}
