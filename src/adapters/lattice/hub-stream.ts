import type { JetStreamManager, MsgRequest, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { PetioleError } from "../../domain/errors.ts";
import { LANES } from "../../domain/outbox.ts";
import { bytes, type Bytes, type Millis } from "../../domain/units.ts";
import type { HubTime } from "../../lib/clock-sync/verdict.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { hearTime } from "./hub-time.ts";
import { openJetStream, STREAM_NOT_FOUND, unlessMissing } from "./jetstream.ts";
import { describeNatsError, isNoResponders, isTimeout, jetStreamCode } from "./nats-error.ts";
import { publishInboxOf } from "./publish-inbox.ts";
import { covers, fleetFilter, jetStreamInfo, laneFilter } from "./subjects.ts";

export interface StreamOptions {
  /** Found by its subjects when not given. */
  readonly name?: string | undefined;
  /** Make the stream when the hub has none, named `PETIOLE` unless a name is given. */
  readonly create?: boolean | undefined;
  /** JetStream domain of the hub; leaf nodes usually need it. */
  readonly domain?: string | undefined;
}

export interface StoredMessage {
  readonly seq: number;
  /** Undefined when the header is not there. */
  header(name: string): string | undefined;
}

/** What the hub checks before it stores a message; names as in the server's headers. */
export interface HubExpectation {
  readonly lastMsgID?: string;
  readonly lastSubjectSequence?: number;
  readonly lastSubjectSequenceSubject?: string;
}

export interface HubMessage {
  readonly subject: string;
  readonly body: Uint8Array;
  /** Lines in their wire form. */
  readonly headers: string;
  readonly expect: HubExpectation;
}

/** The stream at the hub that takes the outbox. */
export interface HubStream {
  readonly name: string;
  /** True when a message can expect a sequence over all subjects of its lane, not only over its own subject. */
  readonly checksWholeLane: boolean;
  /** Largest message, headers included, that this connection's server takes. */
  readonly maxPayload: Bytes;
  /** The newest message that matches `filter`. */
  last(filter: string): Promise<StoredMessage | undefined>;
  /** The message of this stream sequence. */
  at(seq: number): Promise<StoredMessage | undefined>;
  /** Sequence of the newest message of the stream. */
  lastSeq(): Promise<number>;
  /** Resolves when the hub has stored the message. */
  publish(message: HubMessage): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
  /** Sends the hub a request of this size that does nothing; false when no answer came in time. */
  answers(size: number): Promise<boolean>;
}

export interface OpenHubStreamOptions {
  readonly connection: NatsConnection;
  readonly device: string;
  readonly stream: StreamOptions;
  readonly requestTimeout: Millis;
  readonly log: Logger;
  readonly clock: Clock;
  /** Called with the time that the hub told while its stream was looked up. */
  readonly onHubTime?: ((time: HubTime) => void) | undefined;
}

/** API level of nats-server 2.11.0, the first that knows `Nats-Expected-Last-Subject-Sequence-Subject`. */
const LEVEL_OF_LANE_CHECK = 1;
const DEFAULT_MAX_PAYLOAD = bytes(1024 * 1024);
const DEFAULT_STREAM_NAME = "PETIOLE";

/**
 * Asks the hub's JetStream what it can do, and finds or creates the stream.
 * @throws PetioleError ERR_LATTICE_STREAM, ERR_LATTICE_UNREACHABLE
 */
export async function openHubStream(options: OpenHubStreamOptions): Promise<HubStream> {
  const { connection, stream, requestTimeout } = options;
  const api = { domain: stream.domain, timeout: requestTimeout };
  const manager = await asking(stream, () => openJetStream(connection, api));
  const account = await asking(stream, () => manager.getAccountInfo());
  const info = await asking(stream, () => findStream(manager, options));
  checkStream(info, options);
  const { name } = info.config;
  const inbox = publishInboxOf(connection);

  async function get(query: MsgRequest): Promise<StoredMessage | undefined> {
    // Asked of the stream's leader. A direct get may be answered by a replica that lags behind.
    const message = await asking(stream, () => manager.streams.getMessage(name, query));
    if (message === null) return undefined;
    return { seq: message.seq, header: (key) => (message.header.has(key) ? message.header.get(key) : undefined) };
  }

  return {
    name,
    checksWholeLane: apiLevel(account) >= LEVEL_OF_LANE_CHECK,
    maxPayload: bytes(connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD),
    last: (filter) => get({ last_by_subj: filter }),
    at: (seq) => get({ seq }),
    lastSeq: async () => (await asking(stream, () => manager.streams.info(name))).state.last_seq,
    publish: ({ subject, body, headers, expect }) =>
      inbox.publish(subject, headers + expectationHeaders(name, expect), body),
    answers: async (size) => {
      try {
        // The hub refuses such a request in words, and that is an answer: what counts is that it arrived.
        await connection.request(jetStreamInfo(stream.domain), new Uint8Array(size), { timeout: requestTimeout });
        return true;
      } catch (cause) {
        if (isTimeout(cause)) return false;
        throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot reach the hub: ${describeNatsError(cause)}`, {
          cause,
        });
      }
    },
  };
}

/** Names as the server has them; see its documentation of JetStream headers. */
function expectationHeaders(stream: string, expect: HubExpectation): string {
  const { lastMsgID, lastSubjectSequence, lastSubjectSequenceSubject } = expect;
  let lines = `Nats-Expected-Stream: ${stream}\r\n`;
  if (lastMsgID !== undefined) lines += `Nats-Expected-Last-Msg-Id: ${lastMsgID}\r\n`;
  if (lastSubjectSequence !== undefined) lines += `Nats-Expected-Last-Subject-Sequence: ${lastSubjectSequence}\r\n`;
  if (lastSubjectSequenceSubject !== undefined) {
    lines += `Nats-Expected-Last-Subject-Sequence-Subject: ${lastSubjectSequenceSubject}\r\n`;
  }
  return lines;
}

/** Level of the JetStream that answered: the hub's, also when a leaf of another version is in between. */
function apiLevel(account: unknown): number {
  const { api } = account as { readonly api?: { readonly level?: number } };
  return api?.level ?? 0;
}

async function findStream(manager: JetStreamManager, options: OpenHubStreamOptions): Promise<StreamInfo> {
  const { stream, log } = options;
  const hearing = async (ask: () => Promise<StreamInfo>): Promise<StreamInfo> => {
    const { answer, time } = await hearTime(options.clock, ask);
    if (time !== undefined) options.onHubTime?.(time);
    return answer;
  };
  const name = stream.name ?? (await findStreamName(manager, options.device));
  if (name !== undefined) {
    const found = await unlessMissing(STREAM_NOT_FOUND, () => hearing(() => manager.streams.info(name)));
    if (found !== undefined) return found;
  }
  if (stream.create !== true) {
    throw unusable(name === undefined ? `no stream takes "${fleetFilter()}"` : `there is no stream "${name}"`);
  }
  const created = await hearing(() =>
    manager.streams.add({ name: name ?? DEFAULT_STREAM_NAME, subjects: [fleetFilter()], storage: "file" }),
  );
  log.info("Created the hub's stream", { stream: created.config.name, subjects: created.config.subjects });
  return created;
}

/** The stream that captures the device's messages. One for both lanes: a lane's order exists within one stream only. */
async function findStreamName(manager: JetStreamManager, device: string): Promise<string | undefined> {
  const found = new Set<string>();
  for (const lane of LANES) {
    for await (const name of manager.streams.names(laneFilter(device, lane))) found.add(name);
  }
  const [only, ...others] = found;
  if (others.length === 0) return only;
  throw unusable(`the streams "${[...found].join('", "')}" share the messages of this device, want one for all`);
}

function checkStream({ config }: StreamInfo, { device, log }: OpenHubStreamOptions): void {
  for (const lane of LANES) {
    const wanted = laneFilter(device, lane);
    if (!config.subjects.some((subject) => covers(subject, wanted))) {
      throw unusable(`the stream "${config.name}" takes "${config.subjects.join('", "')}", want "${wanted}" within it`);
    }
  }
  if (config.no_ack) throw unusable(`the stream "${config.name}" is set to acknowledge nothing`);
  if (config.sealed) throw unusable(`the stream "${config.name}" is sealed`);
  if (config.retention !== "limits") {
    // A message that a consumer removed cannot be seen on resume; only the duplicate window is left to tell.
    log.warn("The hub's stream removes messages once consumed: exactly once holds within its duplicate window only", {
      stream: config.name,
      retention: config.retention,
    });
  }
}

function unusable(found: string, cause?: unknown): PetioleError {
  return new PetioleError("ERR_LATTICE_STREAM", `Cannot use the hub's JetStream: ${found}`, { cause });
}

async function asking<T>({ domain }: StreamOptions, request: () => Promise<T>): Promise<T> {
  const where = domain === undefined ? "" : ` in the domain "${domain}"`;
  try {
    return await request();
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    if (isNoResponders(cause)) throw unusable(`none answers${where}; is the link up, and JetStream on?`, cause);
    const code = jetStreamCode(cause);
    if (code !== undefined) throw unusable(`${describeNatsError(cause)} (${code})`, cause);
    throw new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot reach the hub: ${describeNatsError(cause)}`, { cause });
  }
}

/** The same stream, whose questions are given up when `signal` aborts. */
export function askingUntilAborted(stream: HubStream, signal: AbortSignal): HubStream {
  return {
    ...stream,
    last: (filter) => untilAborted(stream.last(filter), signal),
    at: (seq) => untilAborted(stream.at(seq), signal),
    lastSeq: () => untilAborted(stream.lastSeq(), signal),
    answers: (size) => untilAborted(stream.answers(size), signal),
  };
}

/** Settles like `promise`, or rejects with the signal's reason, whichever comes first. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
