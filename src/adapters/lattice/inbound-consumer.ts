import type { ConsumerConfig, JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import type { StreamPosition } from "../../domain/inbox.ts";
import type { Millis } from "../../domain/units.ts";
import type { Logger } from "../../lib/log.ts";
import { askHub } from "./ask-hub.ts";
import { CONSUMER_NOT_FOUND, nanoseconds, openJetStream, STREAM_NOT_FOUND, unlessMissing } from "./jetstream.ts";
import { covers, inboundFilter, inboundConsumer, inboundFleetFilter, nextMessages } from "./subjects.ts";

export interface InboundStreamOptions {
  /** Found by its subjects when not given. */
  readonly name?: string | undefined;
  /** Make the stream when the hub has none. */
  readonly create: boolean;
  /** Of a stream that is made: how long it keeps a message. */
  readonly maxAge: Millis;
  /** JetStream domain of the hub. */
  readonly domain: string | undefined;
}

export interface OpenInboundOptions {
  readonly connection: NatsConnection;
  readonly device: string;
  readonly stream: InboundStreamOptions;
  /** How long the hub waits for an acknowledgement before it sends the message again. */
  readonly ackWait: Millis;
  readonly requestTimeout: Millis;
  /** Where the device is, for a consumer that has to be made. */
  readonly last: StreamPosition | undefined;
  readonly log: Logger;
}

export interface InboundConsumer {
  readonly stream: string;
  readonly created: string;
  /** Where to ask for messages. */
  readonly subject: string;
}

const DEFAULT_STREAM = "PETIOLE_IN";

/**
 * Finds or makes the hub's stream of messages for devices, and this device's durable consumer on it.
 * @throws PetioleError ERR_LATTICE_INBOX, ERR_LATTICE_UNREACHABLE
 */
export async function openInboundConsumer(options: OpenInboundOptions): Promise<InboundConsumer> {
  const { connection, device, stream, requestTimeout, log } = options;
  const { domain } = stream;
  const question = { what: "use the hub's stream of messages for devices", domain, code: "ERR_LATTICE_INBOX" } as const;
  return await askHub(question, async () => {
    const manager = await openJetStream(connection, { domain, timeout: requestTimeout });
    const info = await findStream(manager, options);
    const wanted = inboundFilter(device);
    const { name, subjects } = info.config;
    if (!subjects.some((subject) => covers(subject, wanted))) {
      throw unusable(`the stream "${name}" takes "${subjects.join('", "')}", want "${wanted}" within it`);
    }
    const consumer = inboundConsumer(device);
    await ensureConsumer(manager, info, consumer, options);
    log.debug("Fetching messages for this device", { stream: name, consumer });
    return { stream: name, created: info.created, subject: nextMessages(domain, name, consumer) };
  });
}

async function findStream(manager: JetStreamManager, { stream, device, log }: OpenInboundOptions): Promise<StreamInfo> {
  const name = stream.name ?? (await findName(manager, device));
  if (name !== undefined) {
    const found = await unlessMissing(STREAM_NOT_FOUND, () => manager.streams.info(name));
    if (found !== undefined) return found;
  }
  if (!stream.create) {
    throw unusable(name === undefined ? `no stream takes "${inboundFleetFilter()}"` : `there is no stream "${name}"`);
  }
  const made = await manager.streams.add({
    name: name ?? DEFAULT_STREAM,
    subjects: [inboundFleetFilter()],
    storage: "file",
    max_age: nanoseconds(stream.maxAge),
  });
  log.info("Created the hub's stream of messages for devices", {
    stream: made.config.name,
    subjects: made.config.subjects,
  });
  return made;
}

async function findName(manager: JetStreamManager, device: string): Promise<string | undefined> {
  const found: string[] = [];
  for await (const name of manager.streams.names(inboundFilter(device))) found.push(name);
  if (found.length > 1) throw unusable(`the streams "${found.join('", "')}" share the messages for this device`);
  return found[0];
}

async function ensureConsumer(
  manager: JetStreamManager,
  { config, created }: StreamInfo,
  name: string,
  { device, ackWait, last, log }: OpenInboundOptions,
): Promise<void> {
  const managed = {
    ack_policy: "explicit",
    ack_wait: nanoseconds(ackWait),
    filter_subject: inboundFilter(device),
    // One at a time: were a second on its way while the first is lost, it would be stored before it.
    max_ack_pending: 1,
    // What a component cannot handle is given up on the device, where its attempts are counted.
    max_deliver: -1,
  } as const satisfies Partial<ConsumerConfig>;
  const found = await unlessMissing(CONSUMER_NOT_FOUND, () => manager.consumers.info(config.name, name));
  if (found === undefined) {
    // A consumer that was deleted at the hub: what is here already need not come again. Only where the policy is free.
    const known = last !== undefined && last.stream === config.name && last.created === created ? last.seq : 0;
    const start =
      known > 0 && config.retention === "limits"
        ? ({ deliver_policy: "by_start_sequence", opt_start_seq: known + 1 } as const)
        : ({ deliver_policy: "all" } as const);
    await manager.consumers.add(config.name, { ...managed, ...start, durable_name: name });
    log.info("Created this device's consumer at the hub", { stream: config.name, consumer: name });
    return;
  }
  const has = found.config;
  if (has.deliver_subject !== undefined || has.ack_policy !== "explicit") {
    throw unusable(
      `the consumer "${name}" of the stream "${config.name}" is not petiole's: want a pull consumer with explicit acknowledgement`,
    );
  }
  const keys = ["ack_wait", "filter_subject", "max_ack_pending", "max_deliver"] as const;
  if (keys.every((key) => has[key] === managed[key])) return;
  const { ack_policy: _, ...changeable } = managed;
  await manager.consumers.update(config.name, name, changeable);
  log.info("Updated this device's consumer at the hub", { stream: config.name, consumer: name });
}

function unusable(found: string): PetioleError {
  return new PetioleError("ERR_LATTICE_INBOX", `Cannot use the hub's stream of messages for devices: ${found}`);
}
