// Opens what a power cut left, as the agent would, and says what is there.

import { mkdir, mkdtemp, open, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { openStore, type Store } from "../../src/adapters/store/index.ts";
import { openDatabase } from "../../src/adapters/store/sqlite.ts";
import { mebibytes } from "../../src/domain/units.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { reasonOf } from "../../src/lib/reason.ts";
import { createLineLog } from "../support/store.ts";
import { labelOf, type LoadLane } from "./marks.ts";
import type { FileTree } from "./replay.ts";
import type { Found, FoundLane, FoundRow } from "./verdict.ts";

const WINDOW = { rows: 1000, bytes: mebibytes(1) };

/** Writes the tree into a new folder, uses it, and deletes it. */
export async function withFiles<T>(tree: FileTree, use: (dir: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "petiole-cut-"));
  try {
    for (const folder of tree.folders) await mkdir(join(dir, folder), { recursive: true });
    for (const [path, content] of tree.files) {
      await mkdir(dirname(join(dir, path)), { recursive: true });
      await writeFile(join(dir, path), content, { mode: 0o600 });
    }
    return await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function inspectLane({ outbox }: Store, lane: LoadLane): Promise<FoundLane> {
  const rows: FoundRow[] = [];
  const acknowledged = (await outbox.acknowledged(lane)).seq;
  for (;;) {
    const window = await outbox.read(lane, rows.at(-1)?.seq ?? acknowledged, WINDOW);
    if (window.length === 0) break;
    for (const { seq, body } of window) rows.push({ seq, label: labelOf(body) });
  }
  const stats = await outbox.stats();
  const counted = stats.lanes.find((entry) => entry.lane === lane)?.rows ?? 0;
  return { rows, acknowledged, counted };
}

async function inspectStore(store: Store): Promise<Omit<Found, "complaints" | "integrity" | "files">> {
  const { outbox, keyValue, state } = store;
  const lanes = {
    critical: await inspectLane(store, "critical"),
    standard: await inspectLane(store, "standard"),
  };
  const ledger = await outbox.ledger();
  const numberOf = async (key: string): Promise<number> =>
    Number(new TextDecoder().decode((await keyValue.get("load", key)) ?? new Uint8Array([48])));
  const tallies = {
    key: await numberOf("key"),
    counter: await numberOf("counter"),
    state: Number((await state.load("load")) ?? 0),
  };
  const next: number[] = [];
  for (const lane of ["critical", "standard"] as const) {
    const { seq } = await outbox.publish({ lane, subject: "after", body: new Uint8Array(9), headers: {} });
    next.push(seq);
  }
  const countedOn = Number(await keyValue.increment("load", "counter", 1n));
  return { lanes, ledger, tallies, next, countedOn };
}

async function checkIntegrity(path: string): Promise<string | undefined> {
  const magic = Buffer.alloc(15);
  {
    await using file = await open(path);
    await file.read(magic, 0, magic.length, 0);
  }
  if (magic.toString("latin1") !== "SQLite format 3") return undefined;
  const db = openDatabase(path, { busyTimeout: 0 });
  try {
    const rows = db.prepare<{ integrity_check: string }>("PRAGMA integrity_check").all();
    return rows.map((row) => row.integrity_check).join("; ");
  } catch (error) {
    return reasonOf(error);
  } finally {
    db.close();
  }
}

/** A store that does not open, or cannot be used, has nothing to show: the text is the reason. */
export async function inspect(dir: string): Promise<Found | string> {
  const { log, lines } = createLineLog();
  let shown: Omit<Found, "complaints" | "integrity" | "files">;
  try {
    const outbox = { maxBytes: mebibytes(16) };
    await using store = await openStore({ dir, log, clock: systemClock, outbox });
    shown = await inspectStore(store);
  } catch (error) {
    return reasonOf(error);
  }
  const integrity: Record<string, string> = {};
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.flatMap((entry) => (entry.isFile() ? [relative(dir, join(entry.parentPath, entry.name))] : []));
  for (const name of files) {
    const text = await checkIntegrity(join(dir, name));
    if (text !== undefined) integrity[name] = text;
  }
  const isComplaint = ({ level }: Readonly<Record<string, unknown>>): boolean => level === "warn" || level === "error";
  return { ...shown, complaints: lines.filter(isComplaint).map((line) => JSON.stringify(line)), integrity, files };
}
