import type { Clock, Millis } from "#provider";

class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

export const isTimeLimit = (error: unknown): boolean => error instanceof TimeLimitError;

/** Runs a task whose signal is aborted after `limit`, with an error that `isTimeLimit` knows. */
export async function withLimit<T>(clock: Clock, limit: Millis, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = new AbortController();
  const done = new AbortController();
  const expire = (): void => late.abort(new TimeLimitError(`it took longer than ${limit} ms`));
  clock.sleep(limit, done.signal).then(expire, () => {});
  try {
    return await task(late.signal);
  } finally {
    done.abort();
  }
}
