import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import { isErrorCode, isPetioleError, PetioleError, type ErrorCode } from "../../../domain/errors.ts";
import { describeNatsError } from "../nats-error.ts";
import { WireFault } from "./faults.ts";
import { channelSubject } from "./subjects.ts";
import type { AsyncPart, PartSink, Writer } from "./writer.ts";

const EMPTY = new Uint8Array();
/** Bytes of a stream that may be on their way before the server has answered that it has them. */
const WINDOW = 1024 * 1024;

/** Names the petiole error that ended a call. Other kinds of hosts see what they see of a call that ended early. */
const ERROR_HEADER = "petiole-error";

/** All that the client wants of headers when it sends them. */
export function wireHeaders(lines: string): MsgHdrs {
  const encoded = Buffer.from(`NATS/1.0${lines}\r\n\r\n`);
  return { encode: () => encoded } as unknown as MsgHdrs;
}

/** The size of what `wireHeaders` made. */
export function headersSize(headers: MsgHdrs): number {
  return (headers as unknown as { encode(): Uint8Array }).encode().length;
}

export function errorHeaders(code: ErrorCode, status = ""): MsgHdrs {
  return wireHeaders(`${status === "" ? "" : ` ${status}`}\r\n${ERROR_HEADER}: ${code}`);
}

/** Codes that tell how a call ended; to a caller on another host, any other one says no more than that it failed. */
const isCallCode = (code: ErrorCode): boolean => code.startsWith("ERR_COMPONENT_") || code.startsWith("ERR_CALL_");

/** What the other side is told. */
export function toldCode(error: unknown): ErrorCode {
  if (isPetioleError(error) && isCallCode(error.code)) return error.code;
  return error instanceof WireFault ? "ERR_CALL_TOO_LARGE" : "ERR_CALL_FAILED";
}

/** The code that the other side gave; undefined when it gave none. */
export function errorCodeOf(headers: MsgHdrs | undefined): ErrorCode | undefined {
  const code = headers?.get(ERROR_HEADER);
  if (code === undefined || code === "") return undefined;
  return isErrorCode(code) && isCallCode(code) ? code : "ERR_CALL_FAILED";
}

/** What the reader of a stream or future of a call is told when the other side gave it up. */
export function brokenPart(call: string, code: ErrorCode): PetioleError {
  return new PetioleError(code, `Cannot read a stream of ${call}: the other side gave it up`);
}

/** @throws PetioleError ERR_LATTICE_UNREACHABLE */
export function send(live: NatsConnection, subject: string, bytes: Uint8Array, headers?: MsgHdrs): void {
  try {
    live.publish(subject, bytes, headers === undefined ? {} : { headers });
  } catch (cause) {
    throw unreachable(`send to "${subject}"`, cause);
  }
}

export function unreachable(what: string, cause: unknown): PetioleError {
  return new PetioleError("ERR_LATTICE_UNREACHABLE", `Cannot ${what}: ${describeNatsError(cause)}`, { cause });
}

export function mostPayload(live: NatsConnection): number {
  return live.info?.max_payload ?? 1024 * 1024;
}

/** Sends bytes in as many messages as they need, then the empty one that ends them. */
export function sendValue(live: NatsConnection, subject: string, bytes: Uint8Array): void {
  const most = mostPayload(live);
  for (let at = 0; at < bytes.length; at += most) send(live, subject, bytes.subarray(at, at + most));
  send(live, subject, EMPTY);
}

/** Ends a value that does not come. */
export function sendFailure(live: NatsConnection, subject: string, code: ErrorCode): void {
  send(live, subject, EMPTY, errorHeaders(code));
}

export interface PartsOptions {
  readonly live: NatsConnection;
  /** The other side's inbox. */
  readonly inbox: string;
  readonly channel: string;
  readonly writer: Writer;
  readonly signal: AbortSignal;
}

/**
 * Sends streams and futures, all at the same time. Resolves when they are sent, and tells what went wrong with any of
 * them; the other side is told by an end that comes too early.
 */
export async function sendParts(parts: readonly AsyncPart[], options: PartsOptions): Promise<unknown[]> {
  const { live, inbox, channel, writer, signal } = options;
  const results = await Promise.allSettled(
    parts.map(async (part) => {
      const subject = channelSubject(inbox, channel, part.path);
      try {
        await part.send(partSink({ live, subject, writer, signal }));
        send(live, subject, EMPTY);
      } catch (error) {
        if (!live.isClosed()) sendFailure(live, subject, toldCode(error));
        throw error;
      }
    }),
  );
  return results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
}

interface SinkOptions {
  readonly live: NatsConnection;
  readonly subject: string;
  readonly writer: Writer;
  readonly signal: AbortSignal;
}

function partSink({ live, subject, writer, signal }: SinkOptions): PartSink {
  let window = 0;
  return {
    writer,
    signal,
    send: async (bytes) => {
      const most = mostPayload(live);
      for (let at = 0; at < bytes.length; at += most) send(live, subject, bytes.subarray(at, at + most));
      window += bytes.length;
      if (window < WINDOW) return;
      window = 0;
      try {
        await live.flush();
      } catch (cause) {
        throw unreachable(`send to "${subject}"`, cause);
      }
    },
  };
}
