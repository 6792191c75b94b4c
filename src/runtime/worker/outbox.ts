import type { FromWorker } from "./protocol.ts";

/** Collects what goes to the main thread, so that what one tick says goes as one message. */
export class Outbox {
  readonly #send: (batch: readonly FromWorker[]) => void;
  #batch: FromWorker[] = [];
  #scheduled = false;

  constructor(send: (batch: readonly FromWorker[]) => void) {
    this.#send = send;
  }

  post(message: FromWorker): void {
    this.#batch.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch;
    this.#batch = [];
    this.#send(batch);
  }
}
