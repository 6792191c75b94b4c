/** Recognises messages that a broker sends again while the first one is still being taken. */
export interface Once {
  /** Runs `work`, unless the message was `repeated` and the earlier one is still worked on: then that one's outcome counts. */
  run(key: number | string, repeated: boolean, work: () => Promise<void>): Promise<void>;
  clear(): void;
}

/** Keys are made of 16-bit packet identifiers, which bounds what is remembered. */
export function createOnce(): Once {
  const known = new Map<number | string, Promise<void>>();
  return {
    async run(key, repeated, work) {
      const earlier = repeated ? known.get(key) : undefined;
      if (earlier !== undefined) return await earlier;
      const outcome = work();
      known.set(key, outcome);
      try {
        await outcome;
      } finally {
        if (known.get(key) === outcome) known.delete(key);
      }
    },
    clear: () => known.clear(),
  };
}
