/** Calls that have not ended. */
export interface InFlight {
  track<T>(call: Promise<T>): Promise<T>;
  /** Resolves once those of now have ended. */
  settled(): Promise<void>;
}

export function createInFlight(): InFlight {
  const calls = new Set<Promise<unknown>>();
  return {
    async track(call) {
      calls.add(call);
      try {
        return await call;
      } finally {
        calls.delete(call);
      }
    },
    settled: async () => void (await Promise.allSettled(calls)),
  };
}
