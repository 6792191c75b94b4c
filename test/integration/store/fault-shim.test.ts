// What the other tests of faults rest on: the library under the process sees every change, and its faults arrive.

import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { millis, minutes } from "../../../src/domain/units.ts";
import { runLoad } from "../../faults/power-cut.ts";
import { createRandom } from "../../faults/random.ts";
import { createDisk } from "../../faults/replay.ts";
import { buildFaultShim, createFaults, type Faults } from "../../support/fault-shim.ts";
import { spawnProcess, type TestProcess } from "../../support/processes.ts";
import { skipping } from "../../support/skip.ts";
import { waitFor } from "../../support/wait-for.ts";

const shim = buildFaultShim();
const mayNot = skipping("missing" in shim, "the fault shim", "missing" in shim ? shim.missing : "");

const SQLITE = fileURLToPath(import.meta.resolve("better-sqlite3"));

/** Runs a script with these faults; `dir` is the watched folder. */
function run(faults: Faults, script: string): Promise<TestProcess> {
  const source = `const fs = require("node:fs"); const dir = ${JSON.stringify(faults.dir)};\n${script}`;
  return spawnProcess(process.execPath, ["-e", source], { env: { ...process.env, ...faults.env } });
}

async function outputOf(faults: Faults, script: string): Promise<string> {
  await using child = await run(faults, script);
  const closed = new Promise((resolve) => child.child.once("close", resolve));
  await closed;
  return child.output();
}

describe.skipIf(mayNot)("the recorder", () => {
  test("sees everything: what it recorded of a store under load, killed several times, makes the same files", async ({
    expect,
  }) => {
    await using faults = await createFaults({ record: true });
    await runLoad(faults, 1);
    const disk = createDisk();
    for (const record of await faults.records()) disk.apply(record);
    disk.apply({ kind: "sync-all" });
    // A power cut may take what failed flushes left in doubt; without one it is there.
    const { files } = disk.cut("all", createRandom(1));
    const entries = await readdir(faults.dir, { recursive: true, withFileTypes: true });
    const names = entries.flatMap((entry) =>
      entry.isFile() ? [relative(faults.dir, join(entry.parentPath, entry.name))] : [],
    );
    expect([...files.keys()].sort()).toEqual(names.sort());
    for (const name of names) {
      expect(Buffer.compare(await readFile(join(faults.dir, name)), files.get(name) ?? new Uint8Array()), name).toBe(0);
    }
  });

  test("writes operations and marks down in their order", async ({ expect }) => {
    await using faults = await createFaults({ record: true });
    const output = await outputOf(
      faults,
      `const marks = fs.openSync(process.env.PETIOLE_FAULTS_MARKS, "a");
       const file = fs.openSync(dir + "/a", "w");
       fs.writeSync(file, "one"); fs.writeSync(marks, "first");
       fs.writevSync(file, [Buffer.from("two"), Buffer.from("three")]);
       fs.fsyncSync(file); fs.writeSync(marks, "second");
       fs.writeSync(file, "x", 1); fs.ftruncateSync(file, 4); fs.fdatasyncSync(file); fs.closeSync(file);
       fs.renameSync(dir + "/a", dir + "/b");
       const folder = fs.openSync(dir, "r"); fs.fsyncSync(folder); fs.closeSync(folder);
       fs.mkdirSync(dir + "/c"); fs.rmdirSync(dir + "/c");
       process.chdir(dir); fs.appendFileSync("b", "!"); fs.unlinkSync("./b");`,
    );
    expect(output).toBe("");
    const records = (await faults.records()).filter(({ kind }) => kind !== "start" && kind !== "close");
    const short = records.map((record) => {
      if (record.kind === "write") return `write ${record.offset} ${Buffer.from(record.data).toString()}`;
      const { kind, ...rest } = record;
      return [kind, ...Object.entries(rest).flatMap(([name, value]) => (name === "inode" ? [] : [value]))].join(" ");
    });
    expect(short).toEqual([
      "create a",
      "write 0 one",
      "mark first",
      "write 3 two",
      "write 6 three",
      "sync",
      "mark second",
      "write 1 x",
      "truncate 4",
      "sync",
      "rename a b",
      "sync-folder ",
      "mkdir c",
      "rmdir c",
      "write 4 !",
      "unlink b",
    ]);
  });

  test("ends a process that changes a file in a way that is not recorded", async ({ expect }) => {
    await using faults = await createFaults({ record: true });
    // Without locking_mode EXCLUSIVE, SQLite shares the index of its log in a mapped file.
    await using sqlite = await run(
      faults,
      `const db = new (require(${JSON.stringify(SQLITE)}))(dir + "/x.db"); db.pragma("journal_mode = WAL"); db.exec("CREATE TABLE t (a)");`,
    );
    expect(await sqlite.exited).toMatchObject({ signal: "SIGABRT" });
    expect(sqlite.output()).toContain("fault shim: cannot record a shared writable mapping: x.db-shm");
    await using link = await run(faults, `fs.writeFileSync(dir + "/a", ""); fs.linkSync(dir + "/a", dir + "/b");`);
    expect(await link.exited).toMatchObject({ signal: "SIGABRT" });
  });
});

describe.skipIf(mayNot)("the faults", () => {
  test("a flush waits until it is let go", async ({ expect }) => {
    await using faults = await createFaults();
    await faults.delaySyncs(minutes(60));
    await using child = await run(
      faults,
      `const file = fs.openSync(dir + "/a", "w"); fs.writeSync(file, "a"); fs.fsyncSync(file); console.log("flushed");`,
    );
    await waitFor("the flush to begin", async () => (await faults.counts()).syncsStarted === 1);
    expect(await faults.counts()).toMatchObject({ syncsFinished: 0 });
    expect(child.output()).toBe("");
    await faults.delaySyncs(millis(0));
    expect(await child.exited).toMatchObject({ code: 0 });
    await waitFor("the output", () => child.output() === "flushed\n");
    expect(await faults.counts()).toMatchObject({ syncsStarted: 1, syncsFinished: 1 });
  });

  test("writes and flushes fail below the folder, and nowhere else", async ({ expect }) => {
    await using faults = await createFaults();
    const script = `
      const attempt = (work) => { try { work(); return "ok"; } catch (error) { return error.code; } };
      const inside = fs.openSync(dir + "/a", "w");
      const outside = fs.openSync(dir + "-outside", "w");
      console.log([
        attempt(() => fs.writeSync(inside, "a")), attempt(() => fs.writeSync(inside, "a", 9)),
        attempt(() => fs.fsyncSync(inside)), attempt(() => fs.writeSync(outside, "a")), attempt(() => fs.fsyncSync(outside)),
      ].join());`;
    expect(await outputOf(faults, script)).toBe("ok,ok,ok,ok,ok\n");
    await faults.failWrites("ENOSPC");
    expect(await outputOf(faults, script)).toBe("ENOSPC,ENOSPC,ok,ok,ok\n");
    await faults.failWrites(undefined);
    await faults.failSyncs("EIO");
    expect(await outputOf(faults, script)).toBe("ok,ok,EIO,ok,ok\n");
    expect(await faults.counts()).toMatchObject({ writesFailed: 2, syncsFailed: 1 });
  });

  test("the wall clock is in 1970, and jumps while the process runs; timers do not care", async ({ expect }) => {
    await using faults = await createFaults();
    await faults.moveClock(millis(-Date.now() + 60_000));
    await using child = await run(
      faults,
      `console.log(new Date().getUTCFullYear()); const began = performance.now();
       const timer = setInterval(() => {
         if (new Date().getUTCFullYear() < 2100) return;
         clearInterval(timer); console.log("jumped", performance.now() - began < 1e9);
       }, 5);`,
    );
    await waitFor("the first year", () => child.output() === "1970\n");
    await faults.moveClock(minutes(60 * 24 * 365 * 100));
    expect(await child.exited).toMatchObject({ code: 0 });
    await waitFor("the jump", () => child.output() === "1970\njumped true\n");
  });
});
