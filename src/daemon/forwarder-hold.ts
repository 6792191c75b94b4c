import type { ForwarderControl } from "../host/ports.ts";

/** Keeps a forwarder paused as long as anybody wants it so. */
export interface ForwarderHold {
  /** Resolves when nothing is in flight any more. Disposing what it gives lets go; the last one to do so resumes. */
  readonly take: () => Promise<Disposable>;
}

export function createForwarderHold(forwarder: Pick<ForwarderControl, "pause" | "resume">): ForwarderHold {
  const holders = new Set<object>();
  return {
    async take() {
      const holder = {
        [Symbol.dispose]: () => {
          if (holders.delete(holder) && holders.size === 0) forwarder.resume();
        },
      };
      holders.add(holder);
      try {
        await forwarder.pause();
      } catch (error) {
        holder[Symbol.dispose]();
        throw error;
      }
      return holder;
    },
  };
}
