import type { Msg } from "@nats-io/transport-node";

/**
 * What the server says of a request instead of a message; 0 when it says nothing. The client reads headers late, and throws
 * when a sender's are none: that is no status.
 */
export function statusOf(message: Msg): { readonly status: number; readonly description: string } {
  try {
    return { status: message.headers?.code ?? 0, description: message.headers?.description ?? "" };
  } catch {
    return { status: 0, description: "" };
  }
}
