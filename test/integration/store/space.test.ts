// The disk is bounded: the files stay within the cap and a tenth, and shrink after a drain. Memory does not grow with
// the backlog.

import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, test } from "vitest";
import { openStore, type Store } from "../../../src/adapters/store/index.ts";
import { mebibytes, millis } from "../../../src/domain/units.ts";
import { systemClock, type Clock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { laneOf, message } from "../../conformance/outbox.ts";
import { createStoreFolder } from "../../support/store.ts";
import { waitFor } from "../../support/wait-for.ts";

const CAP = mebibytes(16);
const WINDOW = { rows: 256, bytes: mebibytes(1) };

/** Waits a hundredth of what it is asked to. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (duration, signal) => systemClock.sleep(millis(duration / 100), signal),
};

async function sizeOf(dir: string): Promise<number> {
  const names = await readdir(dir);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function drain(store: Store): Promise<number> {
  let rows = 0;
  for (let after = 0; ;) {
    const window = await store.outbox.read("standard", after, WINDOW);
    const last = window.at(-1);
    if (last === undefined) return rows;
    rows += window.length;
    after = last.seq;
    await store.outbox.acknowledge("standard", after);
  }
}

describe("openStore()", () => {
  for (const size of [200, 1500, 2500, 5000, 70_000]) {
    test(`keeps its files within the cap and a tenth with messages of ${size} bytes`, async ({ expect }) => {
      await using folder = await createStoreFolder();
      await using store = await folder.open({ maxBytes: CAP });
      let largest = 0;
      for (let written = 0; written < CAP * 1.6;) {
        for (let n = 0; n < 1024 && n * size < mebibytes(1); n += 1) {
          await store.outbox.publish(message("standard", "x".repeat(size)));
          written += size;
        }
        await store.flush();
        largest = Math.max(largest, await sizeOf(folder.dir));
      }
      expect(laneOf(await store.outbox.stats(), "standard").dropped).toBeGreaterThan(0);
      expect(largest).toBeLessThan(CAP * 1.1);
      // The cap is used, not wasted.
      expect(largest).toBeGreaterThan(CAP * 0.8);
    });
  }

  test("gives space back after a drain: the files shrink to less than a quarter of the cap", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const outbox = { maxBytes: CAP, hubHold: millis(100) };
    await using store = await openStore({ dir: folder.dir, log: silentLogger, clock: hastyClock, outbox });
    for (let n = 0; n < 5000; n += 1) await store.outbox.publish(message("standard", "x".repeat(2500)));
    await store.flush();
    expect(await sizeOf(folder.dir)).toBeGreaterThan(CAP / 2);
    expect(await drain(store)).toBeGreaterThan(3000);
    await waitFor("the files to shrink", async () => (await sizeOf(folder.dir)) < CAP / 4);
    await store.outbox.publish(message("standard", "after"));
    await store.flush();
    expect(await store.outbox.read("standard", 0, WINDOW)).toHaveLength(1);
  });

  test("reads a backlog of 100,000 messages window by window without growing", async ({ expect }) => {
    await using folder = await createStoreFolder();
    const script = fileURLToPath(new URL("./backlog.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(execPath, ["--expose-gc", script, folder.dir]);
    const measured = JSON.parse(stdout) as { rows: number; before: number; peak: number };
    expect(measured.rows).toBe(100_000);
    // The backlog has more than 20 MiB of bodies alone.
    expect(measured.peak - measured.before).toBeLessThan(mebibytes(16));
  });
});
