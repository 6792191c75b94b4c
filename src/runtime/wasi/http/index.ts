// wasi:http 0.2 for one instance. Loaded only for components that import it.

import type { NetworkGrants } from "../network-grants.ts";
import { err, ok, type WasiResult } from "../result.ts";
import type { IoError } from "../streams.ts";
import type { Suspend } from "../waiting.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./body.ts";
import type { Client, ClientTimeouts } from "./client.ts";
import { errorCode, HttpFault, type ErrorCode } from "./error-code.ts";
import { Exchange, IncomingRequest, ResponseOutparam } from "./exchange.ts";
import { Fields } from "./fields.ts";
import { FutureIncomingResponse, IncomingResponse } from "./incoming-response.ts";
import type { OutputMessage, RequestMessage } from "./messages.ts";
import { OutgoingRequest, RequestOptions } from "./outgoing-request.ts";
import { OutgoingResponse } from "./outgoing-response.ts";

/** Requests that an instance may have under way, up to the end of their responses. */
export const MAX_REQUESTS = 16;

const DEFAULT_TIMEOUTS: ClientTimeouts = { connect: 30_000, firstByte: 60_000, betweenBytes: 60_000 };
const LONGEST_TIMER = 2_147_483_647;

export interface HttpHost {
  readonly suspend: Suspend;
  readonly grants: NetworkGrants;
}

export interface Http extends Disposable {
  /** Implementations by unversioned interface name, then by JavaScript name. */
  readonly interfaces: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A request for `wasi:http/incoming-handler`. What is ready of the response goes to `post`. */
  exchange(request: RequestMessage, post: (output: OutputMessage) => void): Exchange;
}

export function createHttp({ suspend, grants }: HttpHost): Http {
  let client: Client | undefined;
  let underWay = 0;
  let disposed = false;

  async function openClient(): Promise<Client> {
    const { createClient } = await import("./client.ts");
    client ??= createClient(grants, () => underWay--);
    if (disposed) client[Symbol.dispose]();
    return client;
  }

  function handle(
    request: OutgoingRequest,
    options: RequestOptions | undefined,
  ): WasiResult<FutureIncomingResponse, ErrorCode> {
    const found = request.destination();
    if (found.tag === "err") return found;
    const destination = found.val;
    if (!grants.allows(destination.host, destination.port)) return err({ tag: "HTTP-request-denied" });
    if (underWay >= MAX_REQUESTS) return err({ tag: "connection-limit-reached" });
    underWay++;
    const timeouts = timeoutsOf(options);
    let cancelled = false;
    let cancel = (): void => {
      cancelled = true;
    };
    const future = new FutureIncomingResponse(suspend, () => cancel());
    void openClient()
      .then((opened) => {
        if (cancelled || disposed) {
          underWay--;
          destination.pipe?.abort({ tag: "connection-terminated" });
          return;
        }
        const call = opened.send(destination, timeouts, (outcome) => future.settle(outcome));
        cancel = () => call.cancel();
      })
      .catch((error: unknown) => {
        underWay--;
        future.settle(err(errorCode(error)));
      });
    return ok(future);
  }

  return {
    exchange: (request, post) => new Exchange(request, { suspend, post }),
    interfaces: {
      "wasi:http/outgoing-handler": { handle },
      "wasi:http/types": {
        Fields,
        FutureIncomingResponse,
        FutureTrailers,
        IncomingBody,
        IncomingRequest,
        IncomingResponse,
        OutgoingBody,
        // The component makes these itself, with what WIT says; they need more.
        OutgoingRequest: class extends OutgoingRequest {
          constructor(headers: Fields) {
            super(suspend, headers);
          }
        },
        OutgoingResponse: class extends OutgoingResponse {
          constructor(headers: Fields) {
            super(suspend, headers);
          }
        },
        RequestOptions,
        ResponseOutparam,
        httpErrorCode: (error: IoError): ErrorCode | undefined =>
          error.cause instanceof HttpFault ? error.cause.reason : undefined,
      },
    },
    [Symbol.dispose]: () => {
      disposed = true;
      client?.[Symbol.dispose]();
    },
  };
}

function timeoutsOf(options: RequestOptions | undefined): ClientTimeouts {
  return {
    connect: milliseconds(options?.connectTimeout()) ?? DEFAULT_TIMEOUTS.connect,
    firstByte: milliseconds(options?.firstByteTimeout()) ?? DEFAULT_TIMEOUTS.firstByte,
    betweenBytes: milliseconds(options?.betweenBytesTimeout()) ?? DEFAULT_TIMEOUTS.betweenBytes,
  };
}

function milliseconds(nanoseconds: bigint | undefined): number | undefined {
  if (nanoseconds === undefined) return undefined;
  return Math.min(Math.ceil(Number(nanoseconds) / 1e6), LONGEST_TIMER);
}
