import {
  PetioleError,
  WitError,
  isSubject,
  matchesSubject,
  laneRuleFor,
  millis,
  type Binding,
  type BusMessage,
  type CapabilityFunctions,
  type DurableMessages,
  type LaneRule,
  type LinkContext,
  type MessageBus,
  type Outbox,
} from "#provider";
import type { StreamSubscription } from "./config.ts";
import { followStream, type StreamDeps } from "./stream-subscription.ts";
import { deniedSubject, invalidSubject, noTimeout, replyToStored, tooLarge, toMessagingError } from "./wit-errors.ts";

export const CONSUMER = "wasmcloud:messaging/consumer";
export const HANDLER = "wasmcloud:messaging/handler";

/** The record `broker-message`. */
interface BrokerMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  readonly replyTo?: string | undefined;
}

interface LinkConfig {
  readonly subscriptions: readonly {
    readonly subject: string;
    readonly queue?: string | undefined;
    readonly durable?: boolean | undefined;
    readonly stream?: StreamSubscription | undefined;
  }[];
  readonly lanes: readonly LaneRule[];
  readonly max_body: number;
  readonly deny: readonly string[];
}

export interface MessagingBindingDeps {
  readonly bus: MessageBus;
  readonly outbox: Outbox;
  /** Undefined for a bus that nothing is kept for. */
  readonly inbox?: DurableMessages | undefined;
  /** Undefined where there are no streams. */
  readonly streams?: (() => StreamDeps) | undefined;
}

/**
 * Serves one link over a bus, with stored lanes and durable subscriptions when the link has them.
 * @throws PetioleError ERR_LINK_INVALID when a handler is linked without subscriptions, or when a durable one takes
 *   messages that go to another already
 */
export async function bindMessaging(
  link: LinkContext<unknown>,
  config: LinkConfig,
  { bus, outbox, inbox, streams }: MessagingBindingDeps,
): Promise<Binding> {
  if (link.direction === "imports") {
    return { functions: consumer(link.component, config, { bus, outbox }), [Symbol.asyncDispose]: async () => {} };
  }
  if (config.subscriptions.length === 0) {
    throw new PetioleError(
      "ERR_LINK_INVALID",
      `Cannot link "${link.component}" to messages: found no "subscriptions" in the link's configuration, want at least one`,
    );
  }
  await using stack = new AsyncDisposableStack();
  for (const { subject, queue, durable, stream: settings } of config.subscriptions) {
    const handle = async (message: BusMessage): Promise<void> => await hand(link, message);
    if (settings !== undefined && streams !== undefined) {
      stack.use(followStream(streams(), { subject, settings, owner: link.component, log: link.log, handle }));
    } else if (durable === true && inbox !== undefined) {
      stack.use(inbox.subscribe(subject, handle));
    } else {
      stack.use(bus.subscribe(subject, queue, async (message) => await deliver(link, message)));
    }
  }
  const subscribed = stack.move();
  return { functions: {}, [Symbol.asyncDispose]: async () => await subscribed.disposeAsync() };
}

function consumer(owner: string, config: LinkConfig, { bus, outbox }: MessagingBindingDeps): CapabilityFunctions {
  const checkTarget = (subject: string): void => {
    if (!isSubject(subject)) throw invalidSubject();
    if (config.deny.some((pattern) => matchesSubject(pattern, subject))) throw deniedSubject();
  };
  const check = (subject: string, body: Uint8Array): void => {
    checkTarget(subject);
    if (body.byteLength > config.max_body) throw tooLarge(config.max_body);
  };
  return {
    [CONSUMER]: {
      publish: async (message: BrokerMessage): Promise<void> => {
        const { subject, body, replyTo } = message;
        check(subject, body);
        if (replyTo !== undefined) checkTarget(replyTo);
        const rule = laneRuleFor(config.lanes, subject);
        if (rule !== undefined && replyTo !== undefined) throw replyToStored();
        try {
          if (rule === undefined) bus.publish({ subject, body, replyTo });
          else await outbox.publish({ lane: rule.lane, subject, body, headers: {}, owner, ttl: rule.ttl });
        } catch (error) {
          throw toMessagingError(error);
        }
      },
      request: async (subject: string, body: Uint8Array, timeoutMs: number): Promise<BrokerMessage> => {
        check(subject, body);
        if (timeoutMs === 0) throw noTimeout();
        try {
          return await bus.request(subject, body, millis(timeoutMs));
        } catch (error) {
          throw toMessagingError(error);
        }
      },
    },
  };
}

async function hand(link: LinkContext<unknown>, { subject, body, replyTo }: BusMessage): Promise<void> {
  await link.call(HANDLER, "handle-message", [{ subject, body, replyTo }]);
}

/** Core NATS does not deliver again: a message that the component did not take is reported and let go. */
async function deliver(link: LinkContext<unknown>, message: BusMessage): Promise<void> {
  const { subject } = message;
  try {
    await hand(link, message);
  } catch (err) {
    if (err instanceof WitError) link.log.warn("Component refused a message", { subject, err });
    else link.log.error("Component failed on a message", { subject, err });
  }
}
