import {
  MessageDeferred,
  MessageRejected,
  WitError,
  backoffDelay,
  isPetioleError,
  type BackoffOptions,
  type Clock,
  type LinkContext,
} from "#provider";
import type { Incoming, StoredForm, Subscriber } from "./connection.ts";
import { encodeDelivery, MQTT_HANDLER, readFailure } from "./mqtt-interface.ts";
import type { Places } from "./places.ts";
import { decodeStored, encodeStored } from "./stored-form.ts";
import { subjectOf } from "./subject.ts";
import { matchesTopic } from "./topic.ts";
import type { LinkConfig, Qos } from "./link-config.ts";

export const HANDLER = "wasmcloud:messaging/handler";

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly places: Places;
}

export type Delivery = Subscriber & AsyncDisposable;

/**
 * Brings messages to one component: one after another in the order they came, each tried again while trying may help.
 * What the component does not take in the end is logged, counted and let go, so that it cannot block what follows. Of
 * two interfaces that the link names, the component is called through `wasmcloud:messaging`.
 */
export function createDelivery(link: LinkContext<LinkConfig>, { clock, places }: DeliveryDeps): Delivery {
  const { retry, subscriptions, queue, acknowledge, subjects } = link.config;
  const backoff: BackoffOptions = { initial: retry.initial, max: retry.max };
  const plain = link.interfaces.includes(HANDLER);
  const place = inboxToken(link);
  const stopping = new AbortController();
  let tail: Promise<unknown> = Promise.resolve();
  let queued = 0;
  let letGo = 0;
  let dropped = 0;

  const effectiveQos = (topic: string, qos: Qos): Qos => {
    const granted = subscriptions.filter((one) => matchesTopic(one.topic, topic)).map((one) => one.qos);
    const most = Math.max(0, ...granted) as Qos; // The highest of some.
    return most < qos ? most : qos;
  };

  const call = async (message: Incoming): Promise<void> => {
    if (!plain) {
      try {
        await link.call(MQTT_HANDLER, "handle-message", [encodeDelivery(message)]);
      } catch (error) {
        throw readFailure(error);
      }
      return;
    }
    const { topic, payload: body, properties } = message;
    const { responseTopic } = properties;
    const name = subjects === "nats" ? subjectOf : (text: string) => text;
    const replyTo = responseTopic === undefined ? undefined : name(responseTopic);
    await link.call(HANDLER, "handle-message", [{ subject: name(topic), body, replyTo }]);
  };

  /** One call at a time. */
  const inTurn = async (work: () => Promise<void>): Promise<void> => {
    const done = tail.then(work);
    tail = done.catch(() => {});
    await done;
  };

  const giveUp = (message: Incoming, tries: number, err: unknown): void => {
    letGo += 1;
    link.log.error("Gave up on a message", { topic: message.topic, tries, letGo, err });
  };

  const attempt = async (message: Incoming): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      stopping.signal.throwIfAborted();
      try {
        return await call(message);
      } catch (err) {
        // The link ended under the call: whoever sent the message still has it.
        stopping.signal.throwIfAborted();
        const mayHelp = err instanceof WitError || (isPetioleError(err) && err.retryable);
        if (!mayHelp || tries >= retry.attempts) return giveUp(message, tries, err);
        link.log.warn("Component did not take a message, trying again", { topic: message.topic, tries, err });
        await clock.sleep(backoffDelay(tries - 1, backoff), stopping.signal);
      }
    }
  };

  const fromInbox = async (body: Uint8Array): Promise<void> => {
    let message: Incoming;
    try {
      message = decodeStored(body);
    } catch {
      throw new MessageRejected("what was stored cannot be read");
    }
    await inTurn(async () => {
      // The link ends: the message stays for the next one.
      if (stopping.signal.aborted) throw new MessageDeferred(`"${link.component}" is not linked now`);
      await call(message);
    });
  };
  const stored =
    acknowledge === "stored"
      ? places.open(place, async ({ body }) => await fromInbox(body), { maxAttempts: retry.attempts, backoff })
      : undefined;

  return {
    filters: subscriptions,
    effectiveQos,
    store:
      stored === undefined
        ? undefined
        : (message): StoredForm => ({ subject: `${place}.${message.topic}`, body: encodeStored(message) }),
    deliver: async (message) => await inTurn(async () => await attempt(message)),
    enqueue(message) {
      if (queued >= queue) {
        dropped += 1;
        // Not at every message: whoever floods the link must not flood the log.
        if (Number.isInteger(Math.log2(dropped))) {
          link.log.warn("Dropped messages of QoS 0: too many wait for the component", {
            dropped,
            topic: message.topic,
          });
        }
        return false;
      }
      queued += 1;
      const work = async (): Promise<void> => {
        if (stopping.signal.aborted) return;
        if (effectiveQos(message.topic, message.qos) > 0) return await attempt(message);
        await call(message).catch((err: unknown) => giveUp(message, 1, err));
      };
      inTurn(work)
        // The link ended.
        .catch(() => {})
        .finally(() => {
          queued -= 1;
        });
      return true;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("the link ended"));
      await stored?.[Symbol.asyncDispose]();
      await tail;
    },
  };
}

/** The first token of the subjects under which a link's messages are in the inbox; the topic follows. */
function inboxToken({ component, linkName }: LinkContext<LinkConfig>): string {
  return encodeURIComponent(`${component}/${linkName}`)
    .replaceAll("%2F", "/")
    .replaceAll(".", "%2E")
    .replaceAll("*", "%2A");
}
