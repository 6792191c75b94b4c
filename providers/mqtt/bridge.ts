import {
  isPetioleError,
  isSubject,
  MessageDeferred,
  MessageRejected,
  PetioleError,
  reasonOf,
  type BusMessage,
  type HostServices,
  type Logger,
} from "#provider";
import type { BridgeConfig, IncomingRule, OutgoingRule } from "./bridge-config.ts";
import { PublishError, type Incoming, type MqttConnection, type Subscriber } from "./connection.ts";
import { subjectOf, topicOf } from "./subject.ts";

export interface BridgeDeps {
  readonly provider: string;
  readonly config: BridgeConfig;
  readonly connect: (via: "url" | "broker" | undefined) => MqttConnection;
  readonly services: HostServices;
  readonly log: Logger;
}

/** Messages of QoS 0 that are on their way into the outbox. */
const MAX_QUEUED = 256;

/** What the outbox never takes, however often it is tried. */
const HOPELESS = ["ERR_OUTBOX_TOO_LARGE"] as const;

/**
 * Carries messages between MQTT and the lattice. Out: into the outbox, before the broker is told that they are taken. In:
 * from the hub's durable messages, each kept until the broker has it, or from the bus.
 * @throws PetioleError ERR_PROVIDER_START when a durable subscription takes messages that go to another already
 */
export async function openBridge({ provider, config, connect, services, log }: BridgeDeps): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const rule of config.out) {
    const receiver = createOutgoing(rule, { provider, services, log });
    stack.use(receiver);
    stack.use(connect(rule.via).subscribe(receiver));
  }
  for (const rule of config.in) {
    const connection = connect(rule.via);
    connection.openPublisher();
    const pass = async (message: BusMessage): Promise<void> => await publishTo(connection, rule, message);
    stack.use(
      rule.durable
        ? subscribeDurably(services, rule.subject, async (message) => await keepUntil(pass, message))
        : services.bus.subscribe(rule.subject, undefined, async (message) => await passOrDrop(pass, message, log)),
    );
  }
  return stack.move();
}

function subscribeDurably(
  { inbox }: HostServices,
  subject: string,
  handle: (message: BusMessage) => Promise<void>,
): AsyncDisposable {
  try {
    return inbox.subscribe(subject, handle);
  } catch (cause) {
    throw new PetioleError("ERR_PROVIDER_START", `Cannot bridge "${subject}": ${reasonOf(cause)}`, { cause });
  }
}

type OutgoingDeps = Pick<BridgeDeps, "provider" | "services" | "log">;

function createOutgoing(rule: OutgoingRule, { provider, services, log }: OutgoingDeps): Subscriber & AsyncDisposable {
  const { topic, qos, prefix, lane, ttl } = rule;
  const working = new Set<Promise<void>>();
  let dropped = 0;
  const drop = (message: Incoming, reason: string): void => {
    dropped += 1;
    log.error("Cannot carry a message to the lattice, it is dropped", { topic: message.topic, dropped, reason });
  };

  const store = async (message: Incoming): Promise<void> => {
    const subject = `${prefix === undefined ? "" : `${prefix}.`}${subjectOf(message.topic)}`;
    if (!isSubject(subject)) return drop(message, "its subject would be too long");
    try {
      await services.outbox.publish({ lane, subject, body: message.payload, headers: {}, owner: provider, ttl });
    } catch (error) {
      if (!HOPELESS.some((code) => isPetioleError(error, code))) throw error;
      drop(message, reasonOf(error));
    }
  };

  return {
    filters: [{ topic, qos, no_local: false, retained: "always" }],
    effectiveQos: (_topic, found) => (found < qos ? found : qos),
    // What rejects stays with its sender, who sends it again when the connection has been made again.
    deliver: store,
    enqueue(message) {
      if (working.size >= MAX_QUEUED) {
        drop(message, "too many wait for the outbox");
        return false;
      }
      const work = store(message)
        .catch((error: unknown) => drop(message, reasonOf(error)))
        .finally(() => working.delete(work));
      working.add(work);
      return true;
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all(working)),
  };
}

async function publishTo(connection: MqttConnection, rule: IncomingRule, message: BusMessage): Promise<void> {
  const name = topicOf(message.subject);
  if (name === undefined) throw new MessageRejected(`"${message.subject}" has no topic`);
  const topic = rule.prefix === undefined ? name : `${rule.prefix}/${name}`;
  if (topic.startsWith("$")) throw new MessageRejected(`"${topic}" belongs to the broker`);
  const { qos, retain } = rule;
  await connection.publish({ topic, payload: message.body, qos, retain, properties: {} });
}

/** A broker that is away or busy is not the message's fault. */
async function keepUntil(pass: (message: BusMessage) => Promise<void>, message: BusMessage): Promise<void> {
  try {
    await pass(message);
  } catch (error) {
    if (!(error instanceof PublishError)) throw error;
    if (error.reason === "unreachable" || error.reason === "full") throw new MessageDeferred(error.message);
    throw error;
  }
}

async function passOrDrop(
  pass: (message: BusMessage) => Promise<void>,
  message: BusMessage,
  log: Logger,
): Promise<void> {
  try {
    await pass(message);
  } catch (err) {
    log.warn("Cannot carry a message to MQTT, it is dropped", { subject: message.subject, err });
  }
}
