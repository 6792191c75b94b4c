import type { Logger } from "#provider";

/** The record `frame`, without its count of losses. */
export interface Frame {
  readonly label: string;
  readonly payload: Uint8Array;
  readonly timestamp: bigint;
  readonly sequence: bigint;
}

export interface InboxDeps {
  readonly label: string;
  /** Frames that may wait. */
  readonly limit: number;
  readonly log: Logger;
  readonly handleFrame: (frame: Frame, lost: number) => Promise<unknown>;
  readonly handlePresence: (present: boolean) => Promise<unknown>;
}

/** What waits for one component on one port: in order, one call at a time, with the losses counted. */
export interface Inbox extends AsyncDisposable {
  frame(frame: Frame): void;
  /** A frame was lost before it came here. */
  lost(): void;
  presence(present: boolean): void;
}

type Item =
  | { readonly kind: "frame"; readonly frame: Frame; lost: number }
  | { readonly kind: "presence"; readonly present: boolean };

export function createInbox({ label, limit, log, handleFrame, handlePresence }: InboxDeps): Inbox {
  const items: Item[] = [];
  let frames = 0;
  /** Losses since the last frame that was queued. */
  let lost = 0;
  let running: Promise<void> | undefined;
  let ended = false;

  const run = async (): Promise<void> => {
    for (let item = items.shift(); item !== undefined; item = items.shift()) {
      try {
        if (item.kind === "presence") {
          await handlePresence(item.present);
        } else {
          frames -= 1;
          await handleFrame(item.frame, item.lost);
        }
      } catch (err) {
        // A frame is past: the component's failure is on record, and the next frame follows.
        log.error("Component failed on a serial port", { port: label, event: item.kind, err });
      }
    }
    running = undefined;
  };

  const push = (item: Item): void => {
    if (ended) return;
    items.push(item);
    running ??= Promise.resolve().then(run);
  };

  const dropOldest = (): void => {
    const at = items.findIndex(({ kind }) => kind === "frame");
    const [dropped] = items.splice(at, 1);
    frames -= 1;
    // What it stood between: of changes without a frame between them the last is enough.
    if (at > 0 && items[at]?.kind === "presence") items.splice(at - 1, 1);
    const count = dropped?.kind === "frame" ? dropped.lost + 1 : 0;
    const next = items.find((item) => item.kind === "frame");
    if (next === undefined) lost += count;
    else next.lost += count;
  };

  return {
    frame(frame) {
      if (frames >= limit) dropOldest();
      frames += 1;
      push({ kind: "frame", frame, lost });
      lost = 0;
    },
    lost() {
      lost += 1;
    },
    presence(present) {
      // Of changes that nothing came between, only the last matters: a flapping device cannot fill the queue.
      if (items.at(-1)?.kind === "presence") items.pop();
      push({ kind: "presence", present });
    },
    async [Symbol.asyncDispose]() {
      ended = true;
      items.length = 0;
      await running;
    },
  };
}
