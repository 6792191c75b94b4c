import type { StoredState } from "./protocol.ts";

/** The main thread's copy of what the database holds, as of the last answer that told. */
export interface StoredCopy {
  readonly current: StoredState;
  update(state: StoredState): void;
}

export function createStoredCopy(opened: StoredState): StoredCopy {
  let current = opened;
  return {
    get current() {
      return current;
    },
    update: (state) => {
      current = state;
    },
  };
}
