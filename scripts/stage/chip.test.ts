import { once } from "node:events";
import { mkdtempDisposable } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { test } from "vitest";
import { connectChip } from "./chip.ts";

test("connectChip() waits for changes, and lets nobody trip over one that never comes", async ({ expect }) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "petiole-chip-"));
  const path = join(folder.path, "chip.sock");
  const server = createServer((socket) => {
    socket.on("data", (text) => socket.write(text.toString() === "watch\n" ? "ok\n" : "ok\nchange 3 1\n"));
  });
  await using _closed = { [Symbol.asyncDispose]: async () => void server.close() };
  server.listen(path);
  await once(server, "listening");

  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const chip = await connectChip(path);
    const changed = chip.nextChange(3);
    await chip.set(3, true);
    expect(await changed).toBe(true);
    const never = chip.nextChange(4);
    await chip[Symbol.asyncDispose]();
    // Such a promise is told of once nothing else is to be done.
    await setImmediate();
    await setImmediate();
    expect(unhandled).toEqual([]);
    await expect(never).rejects.toThrow("has closed");
  } finally {
    process.off("unhandledRejection", note);
  }
});
