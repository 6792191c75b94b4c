// JetStream by its messages: https://docs.nats.io/reference/reference-protocols/nats_api_reference

import { errors, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import type { Millis, NatsPath } from "#provider";
import { BackendError, type Reason } from "../backend.ts";

/** Error numbers of the answers. */
const STREAM_NOT_FOUND = 10_059;
const NO_MESSAGE = 10_037;
const WRONG_SEQUENCE: readonly number[] = [10_071, 10_164];
const STREAM_EXISTS: readonly number[] = [10_058, 10_065];

const REASONS: Readonly<Record<number, Reason>> = {
  [STREAM_NOT_FOUND]: "missing",
  // No room in the stream, the account or the server.
  10_077: "full",
  10_047: "full",
  10_023: "full",
  10_028: "full",
  // A cluster without a leader, JetStream that is off.
  10_008: "unavailable",
  10_009: "unavailable",
  10_039: "unavailable",
  10_076: "unavailable",
};

const MAX_TEXT = 200;

/** An error that JetStream answered with. */
class ApiError extends Error {
  override readonly name = "ApiError";
  readonly number: number;

  constructor(number: number, text: string) {
    super(text);
    this.number = number;
  }
}

const numberOf = (error: unknown): number | undefined =>
  error instanceof BackendError && error.cause instanceof ApiError ? error.cause.number : undefined;

export const isNoMessage = (error: unknown): boolean => numberOf(error) === NO_MESSAGE;
export const isWrongSequence = (error: unknown): boolean => WRONG_SEQUENCE.includes(numberOf(error) ?? 0);
export const isStreamExisting = (error: unknown): boolean => STREAM_EXISTS.includes(numberOf(error) ?? 0);
export const isMissing = (error: unknown): boolean => error instanceof BackendError && error.reason === "missing";
/** Nobody listens: no JetStream, or no bucket. */
export const isUnheard = (error: unknown): boolean =>
  error instanceof BackendError && error.cause instanceof errors.NoRespondersError;

export type Body = Readonly<Record<string, unknown>>;

/** An object of an answer; without members when it is none. */
export const recordOf = (value: unknown): Body => (typeof value === "object" && value !== null ? (value as Body) : {}); // Any object can be asked for its properties.

export interface JetStreamApi {
  /** Asks the API, such as `STREAM.INFO.name`. @throws BackendError */
  ask(subject: string, question: unknown): Promise<Body>;
  /** Publishes into a stream, and has it there when it resolves. @throws BackendError */
  publish(subject: string, data: Uint8Array, headers: MsgHdrs | undefined): Promise<void>;
  /** Messages of a consumer, as many as there are and at most `batch`. @throws BackendError */
  pull(subject: string, batch: number): Promise<readonly Msg[]>;
}

export interface JetStreamApiDeps {
  readonly path: () => NatsPath;
  readonly timeout: Millis;
  /** Requests that may wait for their answers. */
  readonly maxInflight: number;
}

export function createJetStreamApi({ path, timeout, maxInflight }: JetStreamApiDeps): JetStreamApi {
  const under = (subject: string): string => {
    const { domain } = path();
    return domain === undefined ? `$JS.API.${subject}` : `$JS.${domain}.API.${subject}`;
  };
  let inFlight = 0;

  /** Nothing is queued for a connection that is not there. */
  async function use<T>(work: (live: NatsConnection) => Promise<T>): Promise<T> {
    const live = path().current();
    if (live === undefined) {
      throw new BackendError("unavailable", `no connection to NATS: ${path().reason() ?? "it is closed"}`);
    }
    if (inFlight >= maxInflight) throw new BackendError("busy", `${maxInflight} calls wait for the server`);
    inFlight += 1;
    try {
      return await work(live);
    } catch (error) {
      throw asBackendError(error);
    } finally {
      inFlight -= 1;
    }
  }

  const payload = (question: unknown): string => (question === undefined ? "" : JSON.stringify(question));
  return {
    ask: async (subject, question) =>
      await use(async (live) => parse(await live.request(under(subject), payload(question), { timeout }))),
    publish: async (subject, data, headers) =>
      await use(async (live) => {
        // The client closes the connection over a message that is too large.
        const limit = live.info?.max_payload ?? Number.POSITIVE_INFINITY;
        const size = data.byteLength + (headers === undefined ? 0 : HEADER_ROOM);
        if (size > limit) throw new BackendError("refused", `the server takes messages of ${limit} bytes`);
        // A leaf node lets keys through as a part of the hub's API alone.
        const to = path().domain === undefined ? subject : under(subject);
        parse(await live.request(to, data, { timeout, ...(headers === undefined ? {} : { headers }) }));
      }),
    pull: async (subject, batch) =>
      await use(async (live) => await pull(live, path().newInbox(live), under(subject), batch)),
  };

  /** Messages come with subjects of their own, so that a request does not hear them. */
  async function pull(live: NatsConnection, inbox: string, subject: string, batch: number): Promise<readonly Msg[]> {
    const subscription = live.subscribe(inbox);
    const end = (): void => {
      if (!subscription.isClosed() && !live.isClosed()) subscription.unsubscribe();
    };
    const timer = setTimeout(end, timeout);
    const messages: Msg[] = [];
    try {
      live.publish(subject, JSON.stringify({ batch, no_wait: true }), { reply: inbox });
      for await (const message of subscription) {
        const { code = 0 } = message.headers ?? {};
        if (code === NOBODY) throw new errors.NoRespondersError(subject);
        if (ENOUGH.includes(code)) return messages;
        // Such as a consumer that is gone: what came so far is not all there is.
        if (code > 0) throw new BackendError("unavailable", "the server ended a listing");
        messages.push(message);
        if (messages.length === batch) return messages;
      }
    } finally {
      clearTimeout(timer);
      end();
    }
    if (live.isClosed()) throw new BackendError("unavailable", "the connection was lost");
    throw new BackendError("timeout", "the server does not answer");
  }
}

const NOBODY = 503;
/** There are no more messages now. */
const ENOUGH: readonly number[] = [404, 408];
/** What the headers of a request take at most. */
const HEADER_ROOM = 256;

function parse(message: Msg): Body {
  let body: Body;
  try {
    body = recordOf(message.json());
  } catch (cause) {
    throw new BackendError("unavailable", "the server answers something else than it was asked for", { cause });
  }
  if (body["error"] === undefined) return body;
  const { err_code: number, description } = recordOf(body["error"]);
  throw new ApiError(typeof number === "number" ? number : 0, typeof description === "string" ? description : "");
}

function asBackendError(error: unknown): unknown {
  if (error instanceof BackendError) return error;
  if (error instanceof ApiError) {
    const text = error.message.replaceAll(/[^\x20-\x7e]/g, " ").slice(0, MAX_TEXT);
    return new BackendError(REASONS[error.number] ?? "refused", `the server says ${text}`, { cause: error });
  }
  // Some come wrapped.
  const inner = error instanceof errors.RequestError ? error.cause : error;
  if (inner instanceof errors.TimeoutError) {
    return new BackendError("timeout", "the server does not answer", { cause: inner });
  }
  if (inner instanceof errors.NoRespondersError) {
    return new BackendError("unavailable", "nobody answers: the hub is away, or has no JetStream", { cause: inner });
  }
  if (inner instanceof errors.PermissionViolationError) {
    return new BackendError("denied", "these credentials may not do it", { cause: inner });
  }
  if (inner instanceof errors.ClosedConnectionError || inner instanceof errors.DrainingConnectionError) {
    return new BackendError("unavailable", "the connection was lost", { cause: inner });
  }
  return error;
}
