import { WitError, backoffDelay, isPetioleError, type BackoffOptions, type Clock, type LinkContext } from "#provider";
import type { Incoming } from "./connection.ts";
import { matchesTopic } from "./topic.ts";
import type { LinkConfig, Qos } from "./config.ts";

export const HANDLER = "wasmcloud:messaging/handler";

export interface Delivery extends AsyncDisposable {
  /** See `Subscriber`. */
  readonly deliver: (message: Incoming) => Promise<void>;
  readonly enqueue: (message: Incoming) => boolean;
}

/**
 * Brings messages to one component: one after another in the order they came, each tried again while trying may help.
 * What the component does not take in the end is logged, counted and let go, so that it cannot block what follows.
 */
export function createDelivery(link: LinkContext<LinkConfig>, clock: Clock): Delivery {
  const { retry, subscriptions, queue } = link.config;
  const backoff: BackoffOptions = { initial: retry.initial, max: retry.max };
  const stopping = new AbortController();
  let tail: Promise<unknown> = Promise.resolve();
  let queued = 0;
  let letGo = 0;

  const effectiveQos = (message: Incoming): Qos => {
    const granted = subscriptions.filter(({ topic }) => matchesTopic(topic, message.topic)).map(({ qos }) => qos);
    const most = Math.max(0, ...granted);
    return most < message.qos ? (most as Qos) : message.qos;
  };

  const call = async (message: Incoming): Promise<void> => {
    const { topic: subject, payload: body, responseTopic: replyTo } = message;
    await link.call(HANDLER, "handle-message", [{ subject, body, replyTo }]);
  };

  const attempt = async (message: Incoming): Promise<void> => {
    const attempts = effectiveQos(message) === 0 ? 1 : retry.attempts;
    for (let tries = 1; ; tries += 1) {
      stopping.signal.throwIfAborted();
      try {
        return await call(message);
      } catch (err) {
        // The link ended under the call: whoever sent the message still has it.
        stopping.signal.throwIfAborted();
        const mayHelp = err instanceof WitError || (isPetioleError(err) && err.retryable);
        if (!mayHelp || tries >= attempts) {
          letGo += 1;
          link.log.error("Gave up on a message", { topic: message.topic, tries, letGo, err });
          return;
        }
        link.log.warn("Component did not take a message, trying again", { topic: message.topic, tries, err });
        await clock.sleep(backoffDelay(tries - 1, backoff), stopping.signal);
      }
    }
  };

  const deliver = async (message: Incoming): Promise<void> => {
    const done = tail.then(async () => await attempt(message));
    tail = done.catch(() => {});
    await done;
  };

  return {
    deliver,
    enqueue(message) {
      if (queued >= queue) return false;
      queued += 1;
      deliver(message)
        .catch(() => {})
        .finally(() => {
          queued -= 1;
        });
      return true;
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await tail;
    },
  };
}
