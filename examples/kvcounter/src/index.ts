// The WIT edges of the counters: requests come in over HTTP, firings from timers; numbers are in a key-value store.

import type { Firing } from "petiole:timer/timer-handler@0.1.0";
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam, type IncomingRequest } from "wasi:http/types@0.2.3";
import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import { open } from "wasi:keyvalue/store@0.2.0-draft";
import { errorText } from "../../lib/error-text.ts";
import { once } from "../../lib/once.ts";
import { encodeUtf8 } from "../../lib/utf8.ts";
import { answer, tick, type Answer, type Counters } from "./kvcounter.ts";

/** The handle lives as long as the instance. Not opened here: this code runs when the component is built. */
const bucket = once(() => open("counters"));
const counters: Counters = { add: (name, by) => increment(bucket(), name, by) };

export const incomingHandler = {
  handle(request: IncomingRequest, out: ResponseOutparam): void {
    const path = request.pathWithQuery() ?? "/";
    const asked = request.method();
    respond(out, answerOrFault({ method: asked.tag === "other" ? asked.val : asked.tag, path }));
  },
};

export const timerHandler = {
  handleTimer({ name, missed }: Firing): void {
    tick(name, missed, counters);
  },
};

function answerOrFault(request: { readonly method: string; readonly path: string }): Answer {
  try {
    return answer(request, counters);
  } catch (error) {
    return { status: 503, body: { error: errorText(error) } };
  }
}

function respond(out: ResponseOutparam, { status, body, allow }: Answer): void {
  const headers = new Fields();
  headers.append("content-type", encodeUtf8("application/json"));
  if (allow !== undefined) headers.append("allow", encodeUtf8(allow));
  const response = new OutgoingResponse(headers);
  response.setStatusCode(status);
  const outgoing = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });
  const stream = outgoing.write();
  stream.blockingWriteAndFlush(encodeUtf8(`${JSON.stringify(body)}\n`));
  // A stream that is open would be a child of the body that is about to be finished.
  stream[Symbol.dispose]();
  OutgoingBody.finish(outgoing, undefined);
}
