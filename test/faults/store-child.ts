// A process with a store in it, which does what it is asked to over IPC: faults are injected into processes.
//
//   node store-child.ts DIR

import process from "node:process";
import { openStore } from "../../src/adapters/store/index.ts";
import { PetioleError } from "../../src/domain/errors.ts";
import { mebibytes, millis } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import type { Answer, Asked } from "./store-process.ts";

const store = await openStore({
  dir: process.argv[2] ?? "",
  log: silentLogger,
  clock: systemClock,
  outbox: { maxBytes: mebibytes(16), lanes: { standard: { commitInterval: millis(20) } } },
});

async function execute(asked: Asked["request"]): Promise<unknown> {
  if (asked.kind === "publish") {
    const body = new TextEncoder().encode(asked.text);
    return await store.outbox.publish({ lane: asked.lane, subject: "faults", body, headers: {} });
  }
  if (asked.kind === "read") {
    const rows = await store.outbox.read(asked.lane, asked.after, { rows: 200_000, bytes: mebibytes(64) });
    return rows.map(({ seq, body }) => ({ seq, text: new TextDecoder().decode(body) }));
  }
  return asked.kind === "flush" ? await store.flush() : await store[Symbol.asyncDispose]();
}

process.on("message", ({ id, request }: Asked) => {
  const answer = (message: Answer): void => void process.send?.(message);
  execute(request).then(
    (value) => answer({ id, ok: true, value }),
    (error: unknown) => {
      const code = error instanceof PetioleError ? error.code : String(error);
      answer({ id, ok: false, code });
    },
  );
});
process.send?.({ id: 0, ok: true, value: undefined } satisfies Answer);
