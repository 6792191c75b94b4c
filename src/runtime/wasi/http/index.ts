// wasi:http 0.2 for one instance. Loaded only for components that import it.

import type { NetworkGrants } from "../network-grants.ts";
import { err, ok, type WasiResult } from "../result.ts";
import type { IoError } from "../streams.ts";
import type { Suspend } from "../waiting.ts";
import { FutureTrailers, IncomingBody, OutgoingBody } from "./body.ts";
import type { EgressPermit, EgressRequest } from "../../../lib/http-egress.ts";
import type { Client } from "./client.ts";
import { grantedEgress, type ClientTimeouts, type Egress } from "./egress.ts";
import { errorCode, HttpFault, type ErrorCode } from "./error-code.ts";
import { Exchange, IncomingRequest, ResponseOutparam } from "./exchange.ts";
import { Fields } from "./fields.ts";
import { FutureIncomingResponse, IncomingResponse } from "./incoming-response.ts";
import type { OutputMessage, RequestMessage } from "./messages.ts";
import { OutgoingRequest, RequestOptions, type Destination } from "./outgoing-request.ts";
import { OutgoingResponse } from "./outgoing-response.ts";
import type { PermittedEgress } from "./permitted-egress.ts";

/** Requests that an instance may have under way, up to the end of their responses. */
export const MAX_REQUESTS = 16;

const LONGEST_TIMER = 2_147_483_647;

export interface HttpHost {
  readonly suspend: Suspend;
  readonly grants: NetworkGrants;
  /**
   * Asks what the component is linked to whether and how a request may be sent. Undefined when that is for its grants to
   * say. Rejects with HttpFault.
   */
  readonly ask?: ((request: EgressRequest) => Promise<EgressPermit | undefined>) | undefined;
}

export interface Http extends Disposable {
  /** Implementations by unversioned interface name, then by JavaScript name. */
  readonly interfaces: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** A request for `wasi:http/incoming-handler`. What is ready of the response goes to `post`. */
  exchange(request: RequestMessage, post: (output: OutputMessage) => void): Exchange;
}

export function createHttp({ suspend, grants, ask }: HttpHost): Http {
  const granted = grantedEgress(grants);
  let permitted: PermittedEgress | undefined;
  let client: Client | undefined;
  let underWay = 0;
  let disposed = false;

  async function openClient(): Promise<Client> {
    const { createClient } = await import("./client.ts");
    client ??= createClient(() => underWay--);
    if (disposed) client[Symbol.dispose]();
    return client;
  }

  async function decide({ method, secure, host, port }: Destination): Promise<Egress> {
    const permit = await ask?.({ method, secure, host, port, known: permitted?.key });
    if (permit !== undefined) {
      const permits = await import("./permitted-egress.ts");
      permitted ??= new permits.PermittedEgress();
      return permitted.take(permit);
    }
    if (grants.allows(host, port)) return granted;
    throw new HttpFault({ tag: "HTTP-request-denied" });
  }

  function handle(
    request: OutgoingRequest,
    options: RequestOptions | undefined,
  ): WasiResult<FutureIncomingResponse, ErrorCode> {
    const found = request.destination();
    if (found.tag === "err") return found;
    const destination = found.val;
    if (ask === undefined && !grants.allows(destination.host, destination.port)) {
      return err({ tag: "HTTP-request-denied" });
    }
    if (underWay >= MAX_REQUESTS) return err({ tag: "connection-limit-reached" });
    underWay++;
    let cancelled = false;
    let cancel = (): void => {
      cancelled = true;
    };
    const future = new FutureIncomingResponse(suspend, () => cancel());
    const begin = async (): Promise<void> => {
      const egress = await decide(destination);
      const opened = await openClient();
      if (cancelled || disposed) throw new HttpFault({ tag: "connection-terminated" });
      const timeouts = timeoutsOf(egress, options);
      const call = opened.send(destination, egress, timeouts, (outcome) => future.settle(outcome));
      cancel = () => call.cancel();
    };
    void begin().catch((error: unknown) => {
      underWay--;
      const code = errorCode(error);
      destination.pipe?.abort(code);
      future.settle(err(code));
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

function timeoutsOf({ timeouts, extendable }: Egress, options: RequestOptions | undefined): ClientTimeouts {
  const chosen = (asked: bigint | undefined, most: number): number => {
    const wanted = milliseconds(asked) ?? most;
    return extendable ? wanted : Math.min(wanted, most);
  };
  return {
    connect: chosen(options?.connectTimeout(), timeouts.connect),
    firstByte: chosen(options?.firstByteTimeout(), timeouts.firstByte),
    betweenBytes: chosen(options?.betweenBytesTimeout(), timeouts.betweenBytes),
    total: timeouts.total,
  };
}

function milliseconds(nanoseconds: bigint | undefined): number | undefined {
  if (nanoseconds === undefined) return undefined;
  return Math.min(Math.ceil(Number(nanoseconds) / 1e6), LONGEST_TIMER);
}
