import {
  jetstream,
  jetstreamManager,
  JetStreamApiError,
  type Consumer,
  type ConsumerConfig,
  type JetStreamManager,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { Logger, NatsPath } from "#provider";
import type { StreamSubscription } from "./config.ts";
import { MAX_FAILED, type Progress } from "./progress.ts";

/** Of the hub's answers. */
const TIMEOUT_MS = 5000;
const CONSUMER_NOT_FOUND = 10_014;
const NANOSECONDS = 1_000_000;

export interface OpenConsumerOptions {
  readonly live: NonNullable<ReturnType<NatsPath["current"]>>;
  readonly subject: string;
  readonly settings: StreamSubscription;
  readonly domain: string | undefined;
  readonly log: Logger;
  /** What is known of the stream that was made then. */
  readonly progressOf: (created: string) => Promise<Progress>;
}

/**
 * Finds or makes the durable consumer, and sees to it that it is as the link has it. Rejects when the hub cannot be asked, has
 * no such stream, or has a consumer of that name that is of another kind.
 */
export async function openConsumer(options: OpenConsumerOptions): Promise<{
  readonly consumer: Consumer;
  readonly progress: Progress;
}> {
  const { live, settings, domain, progressOf } = options;
  const api = { timeout: TIMEOUT_MS, ...(domain === undefined ? {} : { domain }) };
  const manager = await jetstreamManager(live, { ...api, checkAPI: false });
  const stream = await manager.streams.info(settings.name);
  const progress = await progressOf(stream.created);
  await ensureConsumer(manager, { ...options, stream, progress });
  return { consumer: await jetstream(live, api).consumers.get(settings.name, settings.consumer), progress };
}

interface EnsureOptions extends OpenConsumerOptions {
  readonly stream: StreamInfo;
  readonly progress: Progress;
}

async function ensureConsumer(manager: JetStreamManager, options: EnsureOptions): Promise<void> {
  const { settings, subject, log } = options;
  const where = { stream: settings.name, consumer: settings.consumer };
  const wanted = {
    ack_wait: settings.ack_wait * NANOSECONDS,
    filter_subject: subject,
    // One at a time: a message that fails holds up those behind it, and so keeps its place. Without an order no more may
    // wait for their next attempt than are counted, or some would never be given up.
    max_ack_pending: settings.ordered ? 1 : MAX_FAILED,
    // Attempts are counted here.
    max_deliver: -1,
  } as const satisfies Partial<ConsumerConfig>;
  const found = await manager.consumers.info(where.stream, where.consumer).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === CONSUMER_NOT_FOUND) return undefined;
    throw error;
  });
  if (found === undefined) {
    await manager.consumers.add(where.stream, {
      ...wanted,
      ...begin(options),
      durable_name: where.consumer,
      ack_policy: "explicit",
    });
    log.info("Created a durable consumer at the hub", where);
    return;
  }
  const { config } = found;
  if (config.deliver_subject !== undefined || config.ack_policy !== "explicit") {
    throw new Error(`the consumer "${where.consumer}" is not for fetching with explicit acknowledgement`);
  }
  const keys = ["ack_wait", "filter_subject", "max_ack_pending", "max_deliver"] as const;
  if (keys.every((key) => config[key] === wanted[key])) return;
  await manager.consumers.update(where.stream, where.consumer, wanted);
  log.info("Updated a durable consumer at the hub", where);
}

/** Where a new consumer begins. One that the hub lost goes on, where the stream lets a consumer choose. */
function begin({ settings, stream, progress }: EnsureOptions) {
  const last = progress.last();
  if (last === undefined || stream.config.retention !== "limits") return { deliver_policy: settings.start } as const;
  return { deliver_policy: "by_start_sequence", opt_start_seq: last.seq + 1 } as const;
}
