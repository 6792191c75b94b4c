import { err, ok, type WasiResult } from "../result.ts";
import { Pollable, Signal, type Suspend } from "../waiting.ts";
import { IncomingBody, type BodySource } from "./body.ts";
import type { ErrorCode } from "./error-code.ts";
import { Fields } from "./fields.ts";
import type { PackedFields } from "./messages.ts";

/** A response whose body has not been read. */
export interface ReceivedResponse {
  readonly status: number;
  readonly headers: PackedFields;
  readonly body: BodySource;
}

/** The resource `incoming-response`. */
export class IncomingResponse {
  readonly #suspend: Suspend;
  readonly #received: ReceivedResponse;
  #consumed = false;

  constructor(suspend: Suspend, received: ReceivedResponse) {
    this.#suspend = suspend;
    this.#received = received;
  }

  status(): number {
    return this.#received.status;
  }

  headers(): Fields {
    return Fields.received(this.#received.headers);
  }

  consume(): WasiResult<IncomingBody, undefined> {
    if (this.#consumed) return err(undefined);
    this.#consumed = true;
    return ok(new IncomingBody(this.#suspend, this.#received.body));
  }

  [Symbol.dispose](): void {
    if (!this.#consumed) this.#received.body.discard();
  }
}

/** The resource `future-incoming-response`. */
export class FutureIncomingResponse {
  readonly #suspend: Suspend;
  readonly #cancel: () => void;
  readonly #signal = new Signal();
  #outcome: WasiResult<ReceivedResponse, ErrorCode> | undefined;
  #taken = false;

  /** `cancel` is called when the component gives it up before it took the response. */
  constructor(suspend: Suspend, cancel: () => void) {
    this.#suspend = suspend;
    this.#cancel = cancel;
  }

  settle(outcome: WasiResult<ReceivedResponse, ErrorCode>): void {
    this.#outcome ??= outcome;
    this.#signal.notify();
  }

  subscribe(): Pollable {
    return new Pollable(this.#suspend, {
      ready: () => this.#outcome !== undefined,
      subscribe: (wake) => this.#signal.subscribe(wake),
    });
  }

  get(): WasiResult<WasiResult<IncomingResponse, ErrorCode>, undefined> | undefined {
    if (this.#outcome === undefined) return undefined;
    if (this.#taken) return err(undefined);
    this.#taken = true;
    if (this.#outcome.tag === "err") return ok(this.#outcome);
    return ok(ok(new IncomingResponse(this.#suspend, this.#outcome.val)));
  }

  [Symbol.dispose](): void {
    if (!this.#taken) this.#cancel();
  }
}
