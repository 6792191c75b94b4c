/** Recognises messages that a broker sends again because it missed the acknowledgement. */
export interface Once {
  /**
   * Runs `work`, unless the message was `repeated` and the earlier one is remembered: then that one's outcome, which
   * may still be pending, is the result. With `keep` it is remembered after its success, until it is released.
   */
  run(
    key: number,
    options: { readonly repeated: boolean; readonly keep: boolean },
    work: () => Promise<void>,
  ): Promise<void>;
  /** The sender uses the key for another message from here on. */
  release(key: number): void;
  clear(): void;
}

/** Keys are the 16-bit packet identifiers of one session, which bounds what is remembered. */
export function createOnce(): Once {
  const known = new Map<number, Promise<void>>();
  return {
    async run(key, { repeated, keep }, work) {
      const earlier = repeated ? known.get(key) : undefined;
      if (earlier !== undefined) return await earlier;
      const outcome = work();
      known.set(key, outcome);
      const forget = (): void => {
        if (known.get(key) === outcome) known.delete(key);
      };
      try {
        await outcome;
      } catch (error) {
        forget();
        throw error;
      }
      if (!keep) forget();
    },
    release: (key) => void known.delete(key),
    clear: () => known.clear(),
  };
}
