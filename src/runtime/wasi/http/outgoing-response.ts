import { err, ok, type WasiResult } from "../result.ts";
import type { Suspend } from "../waiting.ts";
import { BodyPipe, OutgoingBody } from "./body.ts";
import type { Fields } from "./fields.ts";
import type { PackedFields } from "./messages.ts";

/** The resource `outgoing-response`. */
export class OutgoingResponse {
  readonly #suspend: Suspend;
  readonly #headers: Fields;
  #status = 200;
  #pipe: BodyPipe | undefined;

  constructor(suspend: Suspend, headers: Fields) {
    this.#suspend = suspend;
    this.#headers = headers.frozen();
  }

  statusCode(): number {
    return this.#status;
  }

  setStatusCode(status: number): WasiResult<undefined, undefined> {
    if (status < 200 || status > 999) return err(undefined);
    this.#status = status;
    return ok(undefined);
  }

  headers(): Fields {
    return this.#headers;
  }

  body(): WasiResult<OutgoingBody, undefined> {
    if (this.#pipe !== undefined) return err(undefined);
    this.#pipe = new BodyPipe("HTTP-response-body-size");
    this.#pipe.expect(this.contentLength);
    return ok(new OutgoingBody(this.#suspend, this.#pipe));
  }

  /** What the headers promise. */
  get contentLength(): number | undefined {
    return this.#headers.contentLength;
  }

  /** For who sends it. */
  take(): { readonly status: number; readonly headers: PackedFields; readonly pipe: BodyPipe | undefined } {
    return { status: this.#status, headers: this.#headers.pack(), pipe: this.#pipe };
  }
}
