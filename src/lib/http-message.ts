// An HTTP exchange with a component, as the runtime takes it and providers make it.

import type { Bytes } from "../domain/units.ts";

/** Bodies up to here go along with the request: who has all of one gives it in one piece. */
export const MAX_INLINE_BODY = 65_536;

/** Names and values, in the order of the message. Values are latin1: each character is a byte. */
export type HttpFields = readonly (readonly [name: string, value: string])[];

/** A request for a component that exports `wasi:http/incoming-handler`. */
export interface HttpRequest {
  /** As on the wire. */
  readonly method: string;
  /** Such as `http`. */
  readonly scheme: string | undefined;
  readonly authority: string | undefined;
  readonly pathWithQuery: string | undefined;
  /** The component does not get those that belong to the connection. */
  readonly headers: HttpFields;
  /** Read no faster than the component takes it, and only as far as it does. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** More of a streamed body is cut off, which the component sees as the error HTTP-request-body-size. */
  readonly maxBody?: Bytes;
  /** Asked when the body has ended. */
  readonly trailers?: () => HttpFields;
  /**
   * Given what ends the request when its client is gone: the component is told, and may go on until its deadline. No
   * AbortSignal, as that would cost more than the rest of a small request.
   */
  readonly onCancelable?: (cancel: (reason: Error) => void) => void;
  /** Told of responses with status 1xx that come before the response. */
  readonly onInformational?: (status: number, headers: HttpFields) => void;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: HttpFields;
  /** In one piece when all of it is there. Otherwise as it comes: iterating it throws what `http` could have thrown. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  /** Complete when the body has ended. */
  readonly trailers: () => HttpFields;
}

/** Of names and values in turn, as Node gives them. */
export function pairFields(raw: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) fields.push([raw[index] ?? "", raw[index + 1] ?? ""]);
  return fields;
}
