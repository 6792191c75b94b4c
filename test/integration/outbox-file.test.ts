// Pins what docs/outbox.md promises of messages that leave in a file: each is in the store or in a file that an import
// takes, whenever the power fails; nothing of a bad file is imported, and a good one once.

import { cp, mkdir, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { EXPORTED_LANES, type ExportReport, type ImportReport } from "../../src/domain/outbox-report.ts";
import { LANES } from "../../src/domain/outbox.ts";
import { bytes, kibibytes, millis, type Bytes } from "../../src/domain/units.ts";
import { createExportRecords } from "../../src/host/export-record.ts";
import { exportOutbox, type ExportRequest } from "../../src/host/outbox-export.ts";
import { importOutbox } from "../../src/host/outbox-import.ts";
import { ORIGIN_HEADER } from "../../src/lib/message-headers.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { tempFolder } from "../support/processes.ts";
import { skipping } from "../support/skip.ts";
import { smallDisk } from "../support/small-disk.ts";
import { createTransferStore, type StoreImage, type TransferStore } from "../support/transfer-store.ts";

const never = new AbortController().signal;

const mayMount = await (async (): Promise<boolean> => {
  await using disk = await smallDisk();
  return disk !== undefined;
})();
const mayNot = skipping(!mayMount, "the test on a full stick", "this user may not mount a tmpfs");

interface Device {
  readonly store: TransferStore;
  export(file: string, request?: Partial<ExportRequest>, signal?: AbortSignal): Promise<ExportReport>;
  import(file: string, dryRun?: boolean, maxMessage?: Bytes): Promise<ImportReport>;
  /** What an agent does at its start. */
  settle(): Promise<string>;
  held(): number;
}

function createDevice(name: string, image?: StoreImage): Device {
  const store = createTransferStore(image);
  const records = createExportRecords(store);
  let held = 0;
  const common = { source: store, transfer: store, records };
  return {
    store,
    export: (file, request = {}, signal = never) =>
      exportOutbox(
        {
          ...common,
          flush: async () => {},
          stats: async () => ({ lastSeq: store.image.lastSeq, clock: "synced" }),
          hold: async () => {
            held += 1;
            return { [Symbol.dispose]: () => void (held -= 1) };
          },
          device: name,
          bootId: "boot",
          clock: createFakeClock(),
        },
        { file, dryRun: false, ...request },
        () => {},
        signal,
      ),
    import: (file, dryRun = false, maxMessage = kibibytes(64)) =>
      importOutbox({ ...common, maxMessage }, { file, dryRun }, () => {}, never),
    settle: () => records.settle(),
    held: () => held,
  };
}

/** A device with messages in all lanes, some of which the hub has. */
function filledDevice(rows = 700): Device {
  const device = createDevice("gw-1");
  for (let n = 0; n < rows; n += 1)
    device.store.add(EXPORTED_LANES[(n * n) % EXPORTED_LANES.length] ?? "critical", `readings.${n % 5}`);
  device.store.image.rows.splice(0, 10);
  return device;
}

const bodies = (store: TransferStore): string[] => store.image.rows.map((row) => Buffer.from(row.body).toString());

describe("export", () => {
  test("moves what waits into a file, which a neighbour takes in as its own, in order, with its origin", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const file = join(folder.path, "gw-1.outbox");
    const device = filledDevice();
    const before = bodies(device.store);
    const seqs = device.store.image.rows.map(({ seq }) => seq);
    const report = await device.export(file);
    expect(report).toMatchObject({ file, rows: before.length, dryRun: false, completed: false, replaced: false });
    expect(report.lanes.map(({ lane }) => lane)).toEqual([...EXPORTED_LANES]);
    expect(report.size).toBe((await stat(file)).size);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder.path)).toEqual(["gw-1.outbox"]);
    expect(device.store.image.rows).toEqual([]);
    expect([...device.store.image.exported]).toEqual([[report.id, before.length]]);
    expect(device.held()).toBe(0);

    const neighbour = createDevice("gw-2");
    neighbour.store.add("critical", "alarms.own");
    const batches: number[] = [];
    const takeIn = neighbour.store.takeIn.bind(neighbour.store);
    neighbour.store.takeIn = (id, progress, messages) => {
      batches.push(messages.length);
      return takeIn(id, progress, messages);
    };
    const imported = await neighbour.import(file);
    expect(imported).toMatchObject({ id: report.id, device: "gw-1", rows: before.length, imported: before.length });
    expect(imported.oldest).toBe(report.oldest);
    expect(bodies(neighbour.store).slice(1)).toEqual(before);
    expect(Math.max(...batches)).toBeLessThanOrEqual(256);
    const [, first] = neighbour.store.image.rows;
    expect(first?.owner).toBe("import");
    expect(first?.headers[ORIGIN_HEADER]).toBe(
      `device=gw-1;store=${device.store.storeId};seq=${seqs[0]};boot=boot;monotonic=${seqs[0]};wall=${1_700_000_000_000 + (seqs[0] ?? 0)}`,
    );
  });

  test("of some lanes leaves the others", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = filledDevice(100);
    const file = join(folder.path, "f");
    const { lanes } = await device.export(file, { lanes: ["critical"] });
    expect(lanes.map(({ lane }) => lane)).toEqual(["critical"]);
    expect(device.store.image.rows.length).toBeGreaterThan(0);
    expect(device.store.image.rows.every(({ lane }) => lane !== "critical")).toBe(true);
  });

  test("of nothing makes no file", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = createDevice("gw-1");
    expect(await device.export(join(folder.path, "f"))).toMatchObject({ rows: 0, size: 0, id: undefined });
    expect(await readdir(folder.path)).toEqual([]);
    expect([...device.store.image.exported]).toEqual([]);
  });

  test("leaves messages alone that were accepted while it ran", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = filledDevice(50);
    device.store.onChange = (at) => {
      if (at === "before handOver") device.store.add("critical", "alarms.late");
    };
    await device.export(join(folder.path, "f"));
    expect(device.store.image.rows.map(({ subject }) => subject)).toEqual(["alarms.late"]);
  });

  test("dry run says the same and changes nothing", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = filledDevice();
    const before = structuredClone(device.store.image);
    const file = join(folder.path, "f");
    const dry = await device.export(file, { dryRun: true });
    expect(await readdir(folder.path)).toEqual([]);
    expect(device.store.image).toEqual(before);
    const wet = await device.export(file);
    expect(dry).toEqual({ ...wet, dryRun: true, id: undefined });
  });

  test("refuses a file that is there, a folder that is not, and a path that depends on where the agent runs", async ({
    expect,
  }) => {
    await using folder = await tempFolder();
    const device = filledDevice(50);
    const before = structuredClone(device.store.image);
    const there = join(folder.path, "there");
    await writeFile(there, "mine");
    for (const dryRun of [true, false]) {
      await expect(device.export(there, { dryRun })).rejects.toMatchObject({ code: "ERR_EXPORT_EXISTS" });
      const nowhere = join(folder.path, "not", "there");
      await expect(device.export(nowhere, { dryRun })).rejects.toMatchObject({ code: "ERR_EXPORT_FILE" });
      await expect(device.export("there", { dryRun })).rejects.toMatchObject({ code: "ERR_CONTROL_PROTOCOL" });
    }
    expect(await readFile(there, "utf8")).toBe("mine");
    expect(device.store.image).toEqual(before);
    expect(device.held()).toBe(0);
  });

  test("that is aborted hands nothing over and leaves no file", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = filledDevice();
    const before = structuredClone(device.store.image);
    const abort = new AbortController();
    const read = device.store.read.bind(device.store);
    let reads = 0;
    device.store.read = (...args) => {
      if ((reads += 1) === 6) abort.abort(new Error("the client went away"));
      return read(...args);
    };
    await expect(device.export(join(folder.path, "f"), {}, abort.signal)).rejects.toThrow("the client went away");
    expect(await readdir(folder.path)).toEqual([]);
    expect(device.store.image).toEqual(before);
  });

  test.skipIf(mayNot)("to a full stick hands nothing over, and works with room", async ({ expect }) => {
    await using disk = await smallDisk();
    if (disk === undefined) throw new Error("what could be mounted before cannot be now");
    const device = filledDevice();
    const big = device.store.add("critical", "images", { body: new Uint8Array(4_000_000) });
    const before = structuredClone(device.store.image);
    const file = join(disk.path, "f");
    await expect(device.export(file)).rejects.toMatchObject({
      code: "ERR_EXPORT_FILE",
      message: expect.stringContaining("ENOSPC"),
    });
    expect(device.store.image).toEqual(before);
    expect(await readdir(disk.path)).not.toContain("f.partial");
    device.store.image.rows = device.store.image.rows.filter(({ seq }) => seq !== big.seq);
    expect(await device.export(file)).toMatchObject({ rows: before.rows.length - 1 });
  });
});

describe("a power cut during an export", () => {
  interface Cut {
    readonly at: string;
    readonly image: StoreImage;
    readonly folder: string;
  }

  /** Disk and store as a cut at each of the export's steps leaves them. */
  async function cutEverywhere(device: Device, stick: string, copies: string): Promise<Cut[]> {
    const cuts: Cut[] = [];
    const take = async (at: string): Promise<void> => {
      const folder = join(copies, String(cuts.length));
      cuts.push({ at, image: structuredClone(device.store.image), folder });
      await cp(stick, folder, { recursive: true });
    };
    const read = device.store.read.bind(device.store);
    device.store.read = async (...args) => {
      await take("read");
      return await read(...args);
    };
    device.store.onChange = take;
    await device.export(join(stick, "f"));
    device.store.onChange = undefined;
    device.store.read = read;
    // The steps of the last one that are on the stick alone.
    const last = cuts.findIndex(({ at }) => at === "after save export-record");
    const handed = cuts[last];
    if (handed === undefined) throw new Error("the export kept no record");
    const whole = await readFile(join(stick, "f"));
    const between = async (at: string, name: string, content: Buffer): Promise<void> => {
      const folder = join(copies, at);
      await mkdir(folder);
      await writeFile(join(folder, name), content);
      cuts.push({ at, image: structuredClone(handed.image), folder });
    };
    await between("before the rename", "f.partial", whole);
    await between("within the trailer", "f.partial", Buffer.concat([whole.subarray(0, -30), Buffer.alloc(30, " ")]));
    return cuts;
  }

  test("leaves each message in the store or in the file, and exporting again to the same file ends it", async ({
    expect,
  }) => {
    await using stick = await tempFolder();
    await using copies = await tempFolder();
    const device = filledDevice(300);
    const wanted = bodies(device.store);
    const cuts = await cutEverywhere(device, stick.path, copies.path);
    const seen = new Set(cuts.map(({ at }) => at));
    for (const at of [
      "read",
      "before handOver",
      "after handOver",
      "before save export-record",
      "after save outbox-export",
    ]) {
      expect(seen).toContain(at);
    }
    let completed = 0;
    for (const { at, image, folder } of cuts) {
      const restarted = createDevice("gw-1", image);
      await restarted.settle();
      const file = join(folder, "f");
      // What the cut left under the final name is whole; else the export is run again.
      const whole = (await readdir(folder)).includes("f");
      if (!whole) completed += Number((await restarted.export(file)).completed);
      expect(await readdir(folder), at).toEqual(["f"]);
      const neighbour = createDevice("gw-2");
      await neighbour.import(file);
      expect([...bodies(neighbour.store), ...bodies(restarted.store)], at).toEqual(wanted);
      expect([...restarted.store.image.state.keys()].filter((key) => key === "outbox-export").length, at).toBe(
        // A file that was whole needs no further run, and the note of it is taken away by the next export.
        whole ? (image.state.has("outbox-export") ? 1 : 0) : 0,
      );
      await expect(neighbour.import(file), at).rejects.toMatchObject({ code: "ERR_EXPORT_IMPORTED" });
    }
    expect(completed).toBeGreaterThanOrEqual(4);
    expect(completed).toBeLessThan(cuts.length);
  });

  test("before the hand-over lets the forwarder have the rows, and what is on the stick cannot be imported", async ({
    expect,
  }) => {
    await using stick = await tempFolder();
    await using copies = await tempFolder();
    const cuts = await cutEverywhere(filledDevice(300), stick.path, copies.path);
    const cut = cuts.find(({ at }) => at === "before handOver");
    if (cut === undefined) throw new Error("no such cut");
    const restarted = createDevice("gw-1", cut.image);
    expect(await restarted.settle()).toBe("not-handed-over");
    const neighbour = createDevice("gw-2");
    await expect(neighbour.import(join(cut.folder, "f.partial"))).rejects.toThrow("unfinished");
    // The forwarder brings everything to the hub: the next export must not make the old file count after all.
    for (const lane of LANES) await restarted.store.acknowledge(lane, restarted.store.image.lastSeq);
    restarted.store.add("critical", "alarms.new");
    const report = await restarted.export(join(cut.folder, "f"));
    expect(report).toMatchObject({ rows: 1, completed: false, replaced: true });
  });

  test("behind the hand-over can be ended on a stick that is mounted elsewhere, also after another export", async ({
    expect,
  }) => {
    await using stick = await tempFolder();
    await using copies = await tempFolder();
    const device = filledDevice(300);
    const wanted = bodies(device.store);
    const cuts = await cutEverywhere(device, stick.path, copies.path);
    const cut = cuts.find(({ at }) => at === "after handOver");
    if (cut === undefined) throw new Error("no such cut");
    const restarted = createDevice("gw-1", cut.image);
    expect(await restarted.settle()).toBe("handed-over");
    restarted.store.add("critical", "alarms.new");
    await restarted.export(join(copies.path, "other"));
    const elsewhere = join(copies.path, "elsewhere");
    await rename(cut.folder, elsewhere);
    expect(await restarted.export(join(elsewhere, "f"))).toMatchObject({ completed: true, rows: wanted.length });
    const neighbour = createDevice("gw-2");
    await neighbour.import(join(elsewhere, "f"));
    expect(bodies(neighbour.store)).toEqual(wanted);
  });

  test("a partial file that holds the only copy is never written over, however it is damaged", async ({ expect }) => {
    await using stick = await tempFolder();
    await using copies = await tempFolder();
    const file = join(stick.path, "f");
    const device = filledDevice(300);
    await cutEverywhere(device, stick.path, copies.path);
    const cuts = await readFile(file);
    const image = structuredClone(device.store.image);
    // As a cut before the rename leaves it.
    const [[id, record] = []] = [...image.state].filter(([name]) => name.startsWith("export-record:"));
    if (id === undefined || record === undefined) throw new Error("the export kept no record");
    image.state.set("outbox-export", record);
    await rm(file);
    for (const damage of [(data: Buffer) => data.fill(0, 0, 100), (data: Buffer) => data.fill(0, 5000, 5001)]) {
      const content = damage(Buffer.from(cuts));
      await writeFile(`${file}.partial`, content);
      const restarted = createDevice("gw-1", structuredClone(image));
      restarted.store.add("critical", "alarms.new");
      await expect(restarted.export(file)).rejects.toMatchObject({ code: "ERR_EXPORT_DAMAGED" });
      expect((await readFile(`${file}.partial`)).equals(content)).toBe(true);
    }
  });

  test("a hand-over that fails is found out about: the rows are in one place all the same", async ({ expect }) => {
    await using folder = await tempFolder();
    for (const happened of [true, false]) {
      const device = filledDevice(100);
      const wanted = bodies(device.store);
      const handOver = device.store.handOver.bind(device.store);
      device.store.handOver = async (...args) => {
        if (happened) await handOver(...args);
        throw new Error("the store failed");
      };
      const file = join(folder.path, String(happened));
      const exporting = device.export(file);
      if (happened) await expect(exporting).resolves.toMatchObject({ rows: wanted.length });
      else await expect(exporting).rejects.toThrow("the store failed");
      expect(bodies(device.store)).toEqual(happened ? [] : wanted);
      expect(device.held()).toBe(0);
    }
    expect(await readdir(folder.path)).toEqual(["true"]);
  });
});

describe("import", () => {
  async function exported(folder: string, rows = 700): Promise<{ file: string; wanted: string[]; device: Device }> {
    const device = filledDevice(rows);
    const wanted = bodies(device.store);
    const file = join(folder, "f");
    await device.export(file);
    return { file, wanted, device };
  }

  test("that was broken off at any step goes on where it was, and is then done", async ({ expect }) => {
    await using folder = await tempFolder();
    const { file, wanted } = await exported(folder.path);
    const images: StoreImage[] = [];
    const neighbour = createDevice("gw-2");
    neighbour.store.onChange = () => void images.push(structuredClone(neighbour.store.image));
    await neighbour.import(file);
    expect(images.length).toBeGreaterThanOrEqual(6);
    for (const image of images) {
      const restarted = createDevice("gw-2", image);
      const before = image.imports.values().next().value ?? 0;
      if (before === wanted.length) {
        await expect(restarted.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_IMPORTED" });
      } else {
        expect(await restarted.import(file)).toMatchObject({ before, imported: wanted.length - before });
      }
      expect(bodies(restarted.store)).toEqual(wanted);
    }
  });

  test("dry run checks everything and changes nothing", async ({ expect }) => {
    await using folder = await tempFolder();
    const { file, wanted } = await exported(folder.path);
    const neighbour = createDevice("gw-2");
    const empty = structuredClone(neighbour.store.image);
    expect(await neighbour.import(file, true)).toMatchObject({ rows: wanted.length, imported: 0, dryRun: true });
    expect(neighbour.store.image).toEqual(empty);
    await neighbour.import(file);
    await expect(neighbour.import(file, true)).rejects.toMatchObject({ code: "ERR_EXPORT_IMPORTED" });
  });

  test("of a file that is not whole takes nothing of it", async ({ expect }) => {
    await using folder = await tempFolder();
    const { file, wanted } = await exported(folder.path);
    const neighbour = createDevice("gw-2");
    const empty = structuredClone(neighbour.store.image);
    const whole = await readFile(file);
    await truncate(file, whole.length - 1);
    await expect(neighbour.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_DAMAGED" });
    // In the very last message, behind many batches.
    const at = whole.length - 400;
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    await writeFile(file, flipped);
    await expect(neighbour.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_DAMAGED" });
    await expect(neighbour.import(file, false, bytes(20))).rejects.toMatchObject({ code: "ERR_OUTBOX_TOO_LARGE" });
    await writeFile(file, "some notes\n");
    await expect(neighbour.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_FORMAT" });
    await expect(neighbour.import(folder.path)).rejects.toMatchObject({ code: "ERR_EXPORT_FORMAT" });
    await expect(neighbour.import(join(folder.path, "no"))).rejects.toMatchObject({ code: "ERR_EXPORT_FILE" });
    expect(neighbour.store.image).toEqual(empty);
    await writeFile(file, whole);
    expect(await neighbour.import(file)).toMatchObject({ imported: wanted.length });
  });

  test("on the device itself brings back what was handed over, and refuses what is still there", async ({ expect }) => {
    await using folder = await tempFolder();
    const { file, wanted, device } = await exported(folder.path, 100);
    const { image } = device.store;
    const forgetful = createDevice("gw-1", { ...structuredClone(image), state: new Map() });
    await expect(forgetful.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_OWN" });
    await device.import(file);
    expect(bodies(device.store)).toEqual(wanted);
    await expect(device.import(file)).rejects.toMatchObject({ code: "ERR_EXPORT_IMPORTED" });
  });

  test("keeps the first origin of a message that travels through several devices", async ({ expect }) => {
    await using folder = await tempFolder();
    const { file, device } = await exported(folder.path, 100);
    const second = createDevice("gw-2");
    await second.import(file);
    const again = join(folder.path, "again");
    await second.export(again);
    const third = createDevice("gw-3");
    await third.import(again);
    const origins = third.store.image.rows.map(({ headers }) => headers[ORIGIN_HEADER] ?? "");
    expect(origins.every((origin) => origin.startsWith(`device=gw-1;store=${device.store.storeId};`))).toBe(true);
    expect(new Set(origins).size).toBe(90);
  });

  test("gives a message what is left of its own limit, by the clocks of its device", async ({ expect }) => {
    await using folder = await tempFolder();
    const device = createDevice("gw-1");
    const ttl = millis(60_000);
    // The clock of the double says 1 s since boot, and 1 700 000 000 000.
    device.store.add("critical", "same-boot", { ttl, monotonic: millis(400), wall: millis(5) });
    device.store.add("critical", "other-boot", { ttl, bootId: "earlier", wall: millis(1_700_000_000_000 - 20_000) });
    device.store.add("critical", "over", { ttl, bootId: "earlier", wall: millis(1_700_000_000_000 - 90_000) });
    device.store.add("critical", "clock-set-back", { ttl, bootId: "earlier", wall: millis(1_700_000_000_000 + 9e9) });
    device.store.add("critical", "clock-not-set", { ttl, bootId: "earlier", wall: millis(7), clock: "unsynced" });
    device.store.add("critical", "no-limit");
    const file = join(folder.path, "f");
    await device.export(file);
    const neighbour = createDevice("gw-2");
    await neighbour.import(file);
    expect(neighbour.store.image.rows.map((row) => [row.subject, row.ttl])).toEqual([
      ["same-boot", 59_400],
      ["other-boot", 40_000],
      ["over", 1],
      ["clock-set-back", 60_000],
      ["clock-not-set", 60_000],
      ["no-limit", undefined],
    ]);
  });
});
