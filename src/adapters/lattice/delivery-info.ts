/** What a JetStream server says of a delivery in its reply subject. */
export interface DeliveryInfo {
  readonly streamSeq: number;
  /** When the message was stored, in nanoseconds since 1970. */
  readonly time: bigint;
  /** 1 at first. */
  readonly attempt: number;
}

const OLD_TOKENS = 9;
const PREFIX = 2;

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<attempt>.<stream seq>.<consumer seq>.<time>.<pending>`, or its longer form with
 * domain and account hash before the stream. Undefined for anything else.
 */
export function parseDelivery(reply: string | undefined): DeliveryInfo | undefined {
  const tokens = reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK" || tokens.length < OLD_TOKENS || tokens.length === OLD_TOKENS + 1) {
    return undefined;
  }
  const numbers = tokens.slice(tokens.length === OLD_TOKENS ? PREFIX + 2 : PREFIX + 4);
  const [attempt, streamSeq, , time] = numbers;
  if (![attempt, streamSeq, time].every((text) => /^\d+$/.test(text ?? ""))) return undefined;
  return { attempt: Number(attempt), streamSeq: Number(streamSeq), time: BigInt(time ?? 0) };
}
