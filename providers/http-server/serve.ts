// One request that a component serves.

import type { IncomingMessage } from "node:http";
import { MAX_INLINE_BODY, pairFields, type Bytes, type HttpCaller, type HttpRequest, type Millis } from "#provider";
import { refuse, statusOf, type Exchange, type RefusalStatus } from "./refusal.ts";
import { RequestReader, bodyLength } from "./request-body.ts";
import { inform, send } from "./response.ts";

export interface ServeDeps {
  readonly http: HttpCaller;
  /** Longer bodies are refused, or cut off when their length is not known beforehand. */
  readonly maxBody: Bytes;
  /** How long a client may neither send what is missing of its request nor take what there is of the response. */
  readonly patience: Millis;
  /** The component failed, and the client gets `status`. */
  readonly onFailure: (status: RefusalStatus, error: unknown) => void;
}

/** What a request asks for. */
export interface Target {
  readonly authority: string | undefined;
  readonly pathWithQuery: string;
}

/** A request that is being served. */
export interface Serving {
  /** Ends it, with this status when no response has begun. */
  giveUp(status: RefusalStatus, reason: string): void;
}

const CLIENT_GONE = "The client is gone";
const CLIENT_SLOW = "The client is too slow";

/** A client that takes this for a proxy names the authority in the target, and that one counts. */
export function targetOf({ url = "/", headers }: IncomingMessage): Target {
  if (url.startsWith("/") || url === "*") return { authority: headers.host, pathWithQuery: url };
  const absolute = URL.parse(url);
  if (absolute === null) return { authority: headers.host, pathWithQuery: url };
  return { authority: absolute.host, pathWithQuery: absolute.pathname + absolute.search };
}

/** `expectsContinue`: the client sends the body when it is told to. */
export function serveRequest(
  exchange: Exchange,
  { authority, pathWithQuery }: Target,
  deps: ServeDeps,
  expectsContinue = false,
): Serving {
  const { asked, answer } = exchange;
  const { http, maxBody, patience, onFailure } = deps;
  const goAhead = (): void => {
    // A component may answer before it reads: then it is too late to ask for the body.
    if (!answer.headersSent) answer.writeContinue();
  };
  const reader = new RequestReader(asked, maxBody, expectsContinue ? goAhead : undefined);
  let cancel: ((reason: Error) => void) | undefined;
  let over: Error | undefined;

  const end = (reason: string): void => {
    if (over !== undefined) return;
    over = new Error(reason);
    cancel?.(over);
  };
  const giveUp = (status: RefusalStatus, reason: string): void => {
    // A response that is complete is what the client gets.
    if (answer.writableEnded && status !== 408) return;
    refuse(exchange, status, { close: true });
    end(reason);
  };

  async function serve(length: number | undefined): Promise<void> {
    const isSmall = length !== undefined && length <= MAX_INLINE_BODY;
    const body = length === 0 ? undefined : isSmall ? await reader.collect() : reader;
    if (over !== undefined) return;
    const request: HttpRequest = {
      method: asked.method ?? "GET",
      scheme: "encrypted" in asked.socket ? "https" : "http",
      authority,
      pathWithQuery,
      headers: pairFields(asked.rawHeaders),
      body,
      maxBody,
      trailers: () => pairFields(asked.rawTrailers),
      onCancelable: (given) => {
        cancel = given;
      },
      onInformational: (status, headers) => inform(answer, status, headers),
    };
    await send(exchange, await http(request));
  }

  const length = bodyLength(asked);
  if (length !== undefined && length > maxBody) {
    refuse(exchange, 413);
    return { giveUp };
  }
  // Node tells when nothing went over the connection for so long, and what waits for the component is no fault.
  answer.setTimeout(patience, () => {
    if (reader.waiting || answer.writableNeedDrain || answer.writableEnded) giveUp(408, CLIENT_SLOW);
    else asked.socket.setTimeout(patience);
  });
  answer.on("close", () => {
    if (!answer.writableFinished) end(CLIENT_GONE);
  });
  serve(length).catch((error: unknown) => {
    if (over !== undefined || answer.destroyed || answer.writableEnded) return;
    const status = reader.tooLong && !answer.headersSent ? 413 : statusOf(error);
    if (status !== 413) onFailure(status, error);
    refuse(exchange, status);
  });
  return { giveUp };
}
