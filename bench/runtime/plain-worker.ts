// The baseline of calls.ts: does what the bench component does, as plain JavaScript in a worker.

import { parentPort } from "node:worker_threads";

export type ToPlain =
  | { readonly type: "run"; readonly id: number; readonly asks: number; readonly payload: Uint8Array }
  | { readonly type: "answer"; readonly id: number; readonly payload: Uint8Array };

export type FromPlain =
  | { readonly type: "ask"; readonly id: number; readonly payload: Uint8Array }
  | { readonly type: "done"; readonly id: number; readonly payload: Uint8Array };

const port = parentPort;
if (port === null) throw new Error("plain-worker.ts is the entry of a worker");
const waiting = new Map<number, (payload: Uint8Array) => void>();
const post = (message: FromPlain): void => port.postMessage(message);

async function run(id: number, asks: number, payload: Uint8Array): Promise<void> {
  let answer = payload;
  for (let index = 0; index < asks; index++) {
    answer = await new Promise<Uint8Array>((resolve) => {
      waiting.set(id, resolve);
      post({ type: "ask", id, payload: answer });
    });
  }
  post({ type: "done", id, payload: answer });
}

port.on("message", (message: ToPlain) => {
  if (message.type === "run") {
    void run(message.id, message.asks, message.payload);
    return;
  }
  const resolve = waiting.get(message.id);
  waiting.delete(message.id);
  resolve?.(message.payload);
});
