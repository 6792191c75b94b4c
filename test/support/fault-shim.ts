// Puts test/faults/shim.c under a child process: slow flushes, failing writes, another wall clock, and a record of what
// it does to the disk. Built once for each version of the source; nothing is built where there is no C compiler.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Millis } from "../../src/domain/units.ts";
import { parseRecords, type FileRecord } from "../faults/records.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const SOURCE = join(ROOT, "test", "faults", "shim.c");
const FOLDER = join(ROOT, "test", "faults", "build");
const FLAGS = "-std=gnu11 -O2 -fPIC -shared -D_LARGEFILE64_SOURCE -Wall -Wextra -Werror";

export type FaultShim = { readonly path: string } | { readonly missing: string };

/** The library, built if need be, or why there is none. A compiler that refuses the source is a failure, not a reason. */
export function buildFaultShim(): FaultShim {
  const compiler = process.env["CC"] ?? "cc";
  const version = spawnSync(compiler, ["--version"], { encoding: "utf8" });
  if (version.status !== 0) return { missing: `found no C compiler "${compiler}"` };
  const inputs = createHash("sha256").update(version.stdout).update(FLAGS).update(readFileSync(SOURCE)).digest("hex");
  const path = join(FOLDER, `shim-${inputs.slice(0, 16)}.so`);
  if (existsSync(path)) return { path };
  mkdirSync(FOLDER, { recursive: true });
  // Under another name first: several processes may build it at once.
  const made = `${path}.${process.pid}.tmp`;
  const { status, stderr } = spawnSync(compiler, [...FLAGS.split(" "), SOURCE, "-o", made, "-ldl", "-lpthread"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Cannot build "${SOURCE}": ${stderr}`);
  renameSync(made, path);
  return { path };
}

/** Offsets in `struct control` of shim.c. */
const CONTROL = {
  clockOffset: 0,
  syncDelay: 8,
  writeErrno: 16,
  syncErrno: 24,
  syncsStarted: 32,
  syncsFinished: 40,
  writesFailed: 48,
  syncsFailed: 56,
  killIn: 64,
} as const;
const CONTROL_SIZE = 72;

const ERRNO = { EIO: 5, ENOSPC: 28 } as const;
export type DiskError = keyof typeof ERRNO;

export interface FaultCounts {
  readonly syncsStarted: number;
  readonly syncsFinished: number;
  readonly writesFailed: number;
  readonly syncsFailed: number;
}

/** Changes the faults of processes that run. */
export interface FaultControl {
  /** How long a flush of a watched file or folder takes. Those that wait already go by it too. */
  delaySyncs(delay: Millis): Promise<void>;
  /** What writes to watched files fail with; undefined lets them through. */
  failWrites(error: DiskError | undefined): Promise<void>;
  /** What flushes of watched files and folders fail with; undefined lets them through. */
  failSyncs(error: DiskError | undefined): Promise<void>;
  /** How far the wall clock is off; CLOCK_MONOTONIC and the times of files are not touched. */
  moveClock(offset: Millis): Promise<void>;
  /**
   * Kills the process by SIGKILL before so many more changes of watched files; 0 does not. Between two changes, unlike a
   * signal from outside: a change that a kill cuts off from its record would be missing in the replay.
   */
  killIn(changes: number): Promise<void>;
  counts(): Promise<FaultCounts>;
}

/** Faults of the processes that were started with `env`. */
export interface Faults extends FaultControl, AsyncDisposable {
  /** The folder whose files are watched: empty at first, gone when the scope is left. A state directory, say. */
  readonly dir: string;
  /** To be added to the environment of the child process; its own children have it too. */
  readonly env: Readonly<Record<string, string>>;
  /** What was recorded so far; nothing unless `record` was asked for. */
  records(): Promise<readonly FileRecord[]>;
}

export interface FaultOptions {
  /** Record what happens below `dir`, and what is written to the file that PETIOLE_FAULTS_MARKS names. */
  readonly record?: boolean;
}

/** `file` is what PETIOLE_FAULTS_CONTROL names. */
export function openFaultControl(file: string): FaultControl {
  const set = async (field: keyof typeof CONTROL, value: number): Promise<void> => {
    await using handle = await open(file, "r+");
    await handle.write(new BigInt64Array([BigInt(Math.round(value))]), 0, 8, CONTROL[field]);
  };
  return {
    delaySyncs: (delay) => set("syncDelay", delay),
    failWrites: (error) => set("writeErrno", error === undefined ? 0 : ERRNO[error]),
    failSyncs: (error) => set("syncErrno", error === undefined ? 0 : ERRNO[error]),
    moveClock: (offset) => set("clockOffset", offset),
    killIn: (changes) => set("killIn", changes),
    counts: async () => {
      const bytes = await readFile(file);
      const get = (field: keyof typeof CONTROL): number => Number(bytes.readBigInt64LE(CONTROL[field]));
      return {
        syncsStarted: get("syncsStarted"),
        syncsFinished: get("syncsFinished"),
        writesFailed: get("writesFailed"),
        syncsFailed: get("syncsFailed"),
      };
    },
  };
}

/** @throws Error where the library could not be built: ask `buildFaultShim` first, and skip the test */
export async function createFaults(options: FaultOptions = {}): Promise<Faults> {
  const shim = buildFaultShim();
  if ("missing" in shim) throw new Error(`Cannot make faults: ${shim.missing}`);
  // The library compares with what the kernel calls the files.
  const folder = await realpath(await mkdtemp(join(tmpdir(), "petiole-faults-")));
  const dir = join(folder, "state");
  const control = join(folder, "control");
  const log = join(folder, "log");
  const marks = join(folder, "marks");
  await mkdir(dir, { mode: 0o700 });
  await writeFile(control, new Uint8Array(CONTROL_SIZE));
  await writeFile(marks, "");
  return {
    ...openFaultControl(control),
    dir,
    env: {
      LD_PRELOAD: shim.path,
      UV_USE_IO_URING: "0",
      PETIOLE_FAULTS_WATCH: dir,
      PETIOLE_FAULTS_CONTROL: control,
      PETIOLE_FAULTS_CLOCK: "1",
      ...(options.record === true ? { PETIOLE_FAULTS_LOG: log, PETIOLE_FAULTS_MARKS: marks } : {}),
    },
    records: async () => (existsSync(log) ? parseRecords(await readFile(log)) : []),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
