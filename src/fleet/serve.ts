import type { Msg, NatsConnection } from "@nats-io/transport-node";
import { connectNats } from "../adapters/lattice/connection.ts";
import { keepSession } from "../adapters/lattice/session.ts";
import { fleetRequests, parseFleetSubject } from "../adapters/lattice/subjects.ts";
import { isPetioleError } from "../domain/errors.ts";
import { seconds, type Millis } from "../domain/units.ts";
import { createKey } from "../enrolment/keys.ts";
import { MAX_MESSAGE, type Answer } from "../enrolment/protocol.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { currentAccount, pushAccount } from "./account.ts";
import { answerDevice, type Question } from "./answer.ts";
import { serviceUserToken } from "./claims.ts";
import type { Fleet } from "./folder.ts";
import { PUSHED } from "./registry.ts";

export interface ServeDeps {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Logger;
  /** How often it is looked whether the hub has still to be told something. */
  readonly interval?: Millis;
}

/** Of several servers on one folder, one answers each device. */
const QUEUE = "petiole-fleet";
const INTERVAL = seconds(5);
const RETRY: Answer = { ok: false, refusal: "unavailable", message: "the fleet cannot answer now", retryable: true };

/** Answers the fleet's devices until it is disposed, whenever the hub can be reached. */
export function serveFleet({ fleet, clock, log, interval = INTERVAL }: ServeDeps): AsyncDisposable {
  const { settings, keys, registry } = fleet;
  const stop = new AbortController();
  const user = createKey("user");
  const connection = connectNats({
    servers: settings.urls,
    jwt: serviceUserToken(keys.account, user.publicKey, nowIn(clock)),
    nkeySeed: user.seed,
    // A hub of several kinds of URLs is not asked for: TLS is used where the URL says so.
    tls: settings.urls.every((url) => url.startsWith("tls:")) ? { ca: settings.ca } : undefined,
    name: "petiole fleet",
    log,
    clock,
  });
  const facts = { registry, account: keys.account.publicKey, enrolment: keys.enrolment, lifetime: settings.lifetime };

  /** Never throws: what one device sends must not keep others from an answer. */
  function handle(message: Msg): void {
    const subject = parseFleetSubject(message.subject);
    if (message.reply === undefined || message.reply === "" || subject === undefined) return;
    const body = message.data.byteLength > MAX_MESSAGE ? "" : message.string();
    message.respond(JSON.stringify(answer({ ...subject, body })));
  }

  function answer(question: Question): Answer {
    try {
      const { answer: given, device } = answerDevice(facts, question, nowIn(clock));
      const fields = { request: question.request, device, key: question.key };
      if (given.ok) log.info("A device was answered", fields);
      else log.warn("A device was refused", { ...fields, refusal: given.refusal });
      return given;
    } catch (error) {
      log.error("A device could not be answered", { err: error });
      return RETRY;
    }
  }

  async function run(live: NatsConnection, signal: AbortSignal, onProgress: () => void): Promise<void> {
    const subscription = live.subscribe(fleetRequests(), { queue: QUEUE });
    const end = (): void => subscription.unsubscribe();
    signal.addEventListener("abort", end, { once: true });
    try {
      await live.flush();
      onProgress();
      log.info("Devices are answered");
      for await (const message of subscription) handle(message);
    } finally {
      signal.removeEventListener("abort", end);
      end();
    }
  }

  /** What a command could not tell the hub, because that was away, is told as soon as it is there. */
  async function keepPushing(): Promise<void> {
    let last: string | undefined;
    while (!stop.signal.aborted) {
      try {
        if (currentAccount(fleet, nowIn(clock)).pushed !== PUSHED.yes) {
          await pushAccount(fleet, nowIn(clock));
          log.info("The hub knows the fleet's account as it is now");
        }
        last = undefined;
      } catch (error) {
        const why = isPetioleError(error) ? error.message : String(error);
        if (why !== last) log.warn("The hub could not be told the fleet's account", { reason: why });
        last = why;
      }
      await clock.sleep(interval, stop.signal).catch(() => {});
    }
  }

  const session = keepSession({ what: "Answering devices", connection, clock, log, run });
  const pushing = keepPushing();
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      await session[Symbol.asyncDispose]();
      await pushing;
      await connection[Symbol.asyncDispose]();
    },
  };
}

const nowIn = (clock: Clock): number => Math.floor(clock.wall() / 1000);
