import { describe, test } from "vitest";
import { silentLogger } from "../../lib/log.ts";
import { startWorker } from "./worker-client.ts";
import type { WorkerOptions } from "./protocol.ts";

const now = { wall: 0, monotonic: 0, synced: true };
const options: WorkerOptions = {
  dir: "/nowhere",
  bootId: "boot",
  now,
  cap: 1,
  laneCaps: { critical: 1, standard: 1 },
};

const program = (source: string): URL =>
  new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from "node:worker_threads"; ${source}`)}`);

const OPENED = `parentPort.postMessage([{ kind: "opened", opened: { storeId: "s", lastSeq: 0 } }]);`;

describe("startWorker()", () => {
  test("rejects when the thread fails before it opened the store", async ({ expect }) => {
    const starting = startWorker(options, silentLogger, { entry: program("throw new Error('broken')") });
    await expect(starting).rejects.toMatchObject({ code: "ERR_STORE_FAILED", cause: { message: "broken" } });
  });

  test("rejects with what the thread refused with", async ({ expect }) => {
    const refused = `{ kind: "refused", error: { code: "ERR_STORE_LOCKED", message: "in use" } }`;
    const starting = startWorker(options, silentLogger, { entry: program(`parentPort.postMessage([${refused}]);`) });
    await expect(starting).rejects.toMatchObject({ code: "ERR_STORE_LOCKED", message: "in use" });
  });

  test("rejects what was asked and what is asked later when the thread dies", async ({ expect }) => {
    const dies = `${OPENED} parentPort.once("message", () => { throw new Error("died"); });`;
    const client = await startWorker(options, silentLogger, { entry: program(dies) });
    const asked = [client.call<"ledger">({ kind: "ledger" }), client.call<"ledger">({ kind: "ledger" })];
    for (const result of await Promise.allSettled(asked)) {
      expect(result).toMatchObject({ reason: { code: "ERR_STORE_FAILED", cause: { message: "died" } } });
    }
    await expect(client.call<"ledger">({ kind: "ledger" })).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    await expect(client.close(0)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
  });

  test("sends the requests of one tick in one message, and tells replies apart", async ({ expect }) => {
    const echoes = `${OPENED} parentPort.on("message", (all) => {
      parentPort.postMessage(
        all.toReversed().map(({ id, request }) => ({ kind: "reply", id, ok: true, value: [request.kind, all.length] })));
      if (all.some(({ request }) => request.kind === "close")) parentPort.close();
    });`;
    const client = await startWorker(options, silentLogger, { entry: program(echoes) });
    const answers = await Promise.all([
      client.call<"ledger">({ kind: "ledger" }),
      client.call<"stats">({ kind: "stats", now, acknowledged: {} }),
    ]);
    expect(answers).toEqual([
      ["ledger", 2],
      ["stats", 2],
    ]);
    await client.close(0);
  });
});
