/** Runs tasks one after another, in the order they were given; a failed one does not stop the next. */
export interface Exclusive {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createExclusive(): Exclusive {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(task) {
      const result = last.then(task, task);
      last = result.catch(() => {});
      return result;
    },
  };
}
