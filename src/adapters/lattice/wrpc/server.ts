import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { PetioleError } from "../../../domain/errors.ts";
import { seconds, type Millis } from "../../../domain/units.ts";
import type { Logger } from "../../../lib/log.ts";
import type { LatticeConnection } from "../connection.ts";
import { describeNatsError } from "../nats-error.ts";
import { functionCodecOf } from "./compile.ts";
import { callInboxesOf } from "./inbox.ts";
import { after, ByteBudget, CALL_LIMITS, type CallLimits } from "./limits.ts";
import { refuse, ServedCall, type Served, type ServedFunction } from "./served-call.ts";
import { callQueue, callSubject } from "./subjects.ts";
import { Writer } from "./writer.ts";

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
  const writer = new Writer(limits.value);
  const budget = new ByteBudget(limits.total);
  const shared = { log, limits, budget, writer, signal: stop.signal, stops };
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
