// Remote control of the simulated GPIO chip: commands and answers are lines of text on its control socket.

import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

export interface Chip extends AsyncDisposable {
  /** Drives a line from outside, as a button does. */
  set(line: number, high: boolean): Promise<void>;
  /** The level of `line` after its next change. Rejects when the chip goes away first. */
  nextChange(line: number): Promise<boolean>;
}

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: Error) => void;
}

/** Connects to the control socket and watches all lines. */
export async function connectChip(path: string): Promise<Chip> {
  const socket = connect(path);
  await once(socket, "connect");
  const answers: Waiter<void>[] = [];
  const changes: (Waiter<boolean> & { readonly line: number })[] = [];

  const end = (reason: Error): void => {
    for (const waiter of [...answers.splice(0), ...changes.splice(0)]) waiter.reject(reason);
  };
  socket.on("error", end);
  socket.on("close", () => end(new Error("The simulated chip has closed its control socket")));

  createInterface({ input: socket, crlfDelay: Infinity }).on("line", (text) => {
    const change = /^change (\d+) ([01])$/.exec(text);
    if (change === null) {
      const waiter = answers.shift();
      if (text === "ok") waiter?.resolve();
      else waiter?.reject(new Error(`The simulated chip answered "${text}"`));
      return;
    }
    const line = Number(change[1]);
    const concerned = changes.filter((waiter) => waiter.line === line);
    for (const waiter of concerned) {
      changes.splice(changes.indexOf(waiter), 1);
      waiter.resolve(change[2] === "1");
    }
  });

  const command = async (text: string): Promise<void> => {
    if (socket.destroyed) throw new Error(`Cannot send "${text}" to the simulated chip: the connection is closed`);
    const { promise, ...waiter } = Promise.withResolvers<void>();
    answers.push(waiter);
    socket.write(`${text}\n`);
    await promise;
  };
  await command("watch");

  return {
    set: async (line, high) => await command(`set ${line} ${high ? 1 : 0}`),
    nextChange(line) {
      const { promise, ...waiter } = Promise.withResolvers<boolean>();
      // Whoever waits for something else first may never come to this one.
      promise.catch(() => {});
      changes.push({ ...waiter, line });
      return promise;
    },
    async [Symbol.asyncDispose]() {
      if (socket.destroyed) return;
      const closed = once(socket, "close");
      socket.destroy();
      await closed;
    },
  };
}
