// A slow disk keeps nobody waiting who need not wait, and loses nothing. While a disk fails, what must be durable is
// refused, the rest waits in memory up to a bound, and all goes on when it works again.

import { describe, test } from "vitest";
import { millis, minutes } from "../../../src/domain/units.ts";
import { Refused, startStoreProcess, type StoreProcess } from "../../faults/store-process.ts";
import { buildFaultShim, createFaults, type DiskError, type Faults } from "../../support/fault-shim.ts";
import { skipping } from "../../support/skip.ts";
import { waitFor } from "../../support/wait-for.ts";

const shim = buildFaultShim();
const mayNot = skipping("missing" in shim, "slow and failing disks", "missing" in shim ? shim.missing : "");

const begun = async (faults: Faults): Promise<number> => (await faults.counts()).syncsStarted;

async function reopened(faults: Faults, store: StoreProcess): Promise<StoreProcess> {
  await store.kill();
  return await startStoreProcess(faults);
}

describe.skipIf(mayNot)("a store on a slow disk", () => {
  test("takes standard messages while the flush of a critical one waits, and answers that one after it", async ({
    expect,
  }) => {
    await using faults = await createFaults();
    await using store = await startStoreProcess(faults);
    await store.publish("critical", "first");
    const before = await begun(faults);
    await faults.delaySyncs(minutes(60));
    let isDurable = false;
    const critical = store.publish("critical", "second").then((receipt) => {
      isDurable = true;
      return receipt;
    });
    await waitFor("the flush to begin", async () => (await begun(faults)) > before);
    for (let n = 0; n < 500; n += 1)
      expect(await store.publish("standard", `${n}`)).toMatchObject({ outcome: "buffered" });
    expect(isDurable).toBe(false);
    await faults.delaySyncs(millis(0));
    expect(await critical).toMatchObject({ outcome: "durable" });
    await store.flush();
    await using again = await reopened(faults, store);
    expect(await again.texts("critical")).toEqual(["first", "second"]);
    expect(await again.texts("standard")).toEqual(Array.from({ length: 500 }, (_, n) => `${n}`));
  });

  test("opens, publishes and loses nothing when each flush takes a fifth of a second", async ({ expect }) => {
    await using faults = await createFaults();
    await faults.delaySyncs(millis(200));
    await using store = await startStoreProcess(faults);
    const receipts = await Promise.all(["a", "b", "c"].map((text) => store.publish("critical", text)));
    expect(receipts.map(({ outcome }) => outcome)).toEqual(["durable", "durable", "durable"]);
    await store.publish("standard", "d");
    await store.flush();
    await faults.delaySyncs(millis(0));
    await using again = await reopened(faults, store);
    expect(await again.texts("critical")).toEqual(["a", "b", "c"]);
    expect(await again.texts("standard")).toEqual(["d"]);
  });
});

type Fault = {
  readonly name: string;
  readonly set: (faults: Faults, error: DiskError | undefined) => Promise<void>;
  error: DiskError;
};
const FAULTS: readonly Fault[] = [
  { name: "writes fail with EIO", set: (faults, error) => faults.failWrites(error), error: "EIO" },
  { name: "writes fail with ENOSPC", set: (faults, error) => faults.failWrites(error), error: "ENOSPC" },
  { name: "flushes fail with EIO", set: (faults, error) => faults.failSyncs(error), error: "EIO" },
];

describe.skipIf(mayNot)("a store on a failing disk", () => {
  test.for(FAULTS)("goes on after a time in which $name", async ({ set, error }, { expect }) => {
    await using faults = await createFaults();
    await using store = await startStoreProcess(faults);
    await store.publish("critical", "before");
    await set(faults, error);
    for (let n = 0; n < 3; n += 1) {
      await expect(store.publish("critical", `refused ${n}`)).rejects.toMatchObject({ code: "ERR_STORE_FAILED" });
    }
    // The bound is there: at some point no more is taken, with an error that says so.
    let taken = 0;
    const fill = async (): Promise<void> => {
      for (; taken < 100_000; taken += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, n) => store.publish("standard", `${taken + n}`)));
      }
    };
    const refused = await fill().catch((cause: unknown) => cause);
    expect(refused).toBeInstanceOf(Refused);
    expect(["ERR_STORE_FAILED", "ERR_OUTBOX_FULL"]).toContain((refused as Refused).code);
    expect(taken).toBeGreaterThan(1000);
    const { writesFailed, syncsFailed } = await faults.counts();
    expect(writesFailed + syncsFailed).toBeGreaterThan(3);

    await set(faults, undefined);
    await waitFor("the store to take critical messages again", () => store.publish("critical", "after"));
    await store.flush();
    await using again = await reopened(faults, store);
    const critical = await again.texts("critical");
    expect(critical.filter((text) => !text.startsWith("refused"))).toEqual(["before", "after"]);
    const standard = (await again.texts("standard")).map(Number);
    // All that was taken, in order; of the last hundred some were taken and the rest refused.
    expect(standard.slice(0, taken)).toEqual(Array.from({ length: taken }, (_, n) => n));
    expect(standard.length).toBeLessThan(taken + 100);
  });
});
