import type { FromWorker } from "./protocol.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface OutboxDeps {
  /** Throws when a message cannot be cloned; nothing was sent then. */
  readonly send: (batch: readonly FromWorker[]) => void;
  /** An import that was never sent, so that no reply will come. */
  readonly refuseImport: (group: number, instance: number, request: number) => void;
}

/** Collects what goes to the main thread, so that what one tick says goes as one message. */
export class Outbox {
  readonly #deps: OutboxDeps;
  #batch: FromWorker[] = [];
  #scheduled = false;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
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
    try {
      this.#deps.send(batch);
    } catch {
      // Components share the worker: what one of them cannot say must not keep the others from being heard.
      for (const message of batch) this.#sendAlone(message);
    }
  }

  #sendAlone(message: FromWorker): void {
    try {
      this.#deps.send([message]);
    } catch (error) {
      const instead = failureFor(message, reasonOf(error));
      if (instead === undefined) return;
      this.#deps.send([instead]);
      // After the failure was sent: what the guest says of it now comes second, and is not heard.
      if (message[0] === "import") this.#deps.refuseImport(message[1], message[3], message[4]);
    }
  }
}

/** What to say in place of what cannot be sent. */
function failureFor(message: FromWorker, why: string): FromWorker | undefined {
  const trap = (what: string) =>
    ({ kind: "trap", reason: `${what} cannot leave it: ${why}`.slice(0, 500), memory: 0, stack: false }) as const;
  const [type, group, number] = message;
  if (type === "returned" || type === "failed") return ["failed", group, number, trap("the result"), message[4]];
  if (type === "http") return ["failed", group, number, trap("the response"), 0];
  if (type !== "import") return undefined;
  const failure = trap("an argument of an import");
  // Turn 0: it is the start that calls.
  return number === 0 ? ["start-failed", group, message[3], failure, 0] : ["failed", group, number, failure, 0];
}
