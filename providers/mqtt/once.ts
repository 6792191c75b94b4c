export interface Once {
  /**
   * Runs `work`, unless `repeated` says that the message was sent before and the earlier one is remembered: then that
   * one's outcome, which may still be pending, is the result. A failure is forgotten.
   */
  run(key: string, repeated: boolean, work: () => Promise<void>): Promise<void>;
  clear(): void;
}

/** Recognises QoS 2 messages that are sent again, among the last `limit`. */
export function createOnce(limit: number): Once {
  const known = new Map<string, Promise<void>>();
  return {
    async run(key, repeated, work) {
      const earlier = repeated ? known.get(key) : undefined;
      if (earlier !== undefined) return await earlier;
      const outcome = work();
      known.delete(key);
      known.set(key, outcome);
      const [oldest] = known.keys();
      if (known.size > limit && oldest !== undefined) known.delete(oldest);
      try {
        await outcome;
      } catch (error) {
        if (known.get(key) === outcome) known.delete(key);
        throw error;
      }
    },
    clear: () => known.clear(),
  };
}
