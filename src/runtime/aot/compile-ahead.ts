// Makes the cache entry of a component for a machine like this one, or for a board: on an emulated processor then.

import { spawn } from "node:child_process";
import type { KeyObject } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { PetioleError } from "../../domain/errors.ts";
import type { Bytes } from "../../domain/units.ts";
import { syncFolder } from "../../lib/files.ts";
import { silentLogger } from "../../lib/log.ts";
import { isExecutable, processCommand } from "../../lib/parts.ts";
import { nativeAddonPath, targetCpuPath } from "../machine-code/addon.ts";
import { openDeviceKey } from "../prepare/device-key.ts";
import { engineKey } from "../prepare/engine-key.ts";
import { decodeHeader, TRAILER_SIZE, type EntryContent } from "../prepare/entry-format.ts";
import { createEntryCache } from "../prepare/entry-cache.ts";
import type { AheadReport, AheadRequest } from "./child-protocol.ts";
import { signEntry } from "./signed-entry.ts";
import { cpuOf, type Target } from "./target.ts";

export interface AheadOptions {
  /** Path of the component. */
  readonly component: string;
  readonly target: Target;
  /** The limits that the component will run with. */
  readonly memory: Bytes;
  readonly table: number;
  /** Path of recorded calls: see warm-up.ts. Without them the entry holds no machine code. */
  readonly warmUp: string | undefined;
  /** Calls to serve at least, by repeating the recorded ones. */
  readonly calls?: number;
  /** Node's and V8's flags that the agent is started with; default those of this process. */
  readonly flags?: readonly string[];
  /** Node for the target, of the same version as the agent's. */
  readonly node?: string;
  /** Emulator of the target, and the folder where it finds the target's libraries. */
  readonly emulator?: string;
  readonly libraries?: string;
  /** ed25519 private key: see keys.ts. */
  readonly signingKey: KeyObject;
  /** File to write. */
  readonly out: string;
  readonly signal: AbortSignal;
}

export interface AheadResult {
  readonly content: EntryContent;
  /** Size of the file in bytes. */
  readonly size: number;
  readonly calls: number;
  readonly failures: number;
  readonly firstFailure: string | undefined;
}

/** Enough for V8 to optimise what is called often. */
const WARM_UP_CALLS = 2000;
const KEPT_OUTPUT = 2000;

/**
 * Writes the signed entry to `out`.
 * @throws PetioleError ERR_COMPONENT_UNREADABLE, ERR_COMPONENT_INVALID, ERR_COMPONENT_PREPARE when this machine lacks
 *   what it takes; the signal's reason when aborted
 */
export async function compileAhead(options: AheadOptions): Promise<AheadResult> {
  const { component, memory, table, warmUp, target, signal, calls = WARM_UP_CALLS } = options;
  const cacheDir = await mkdtemp(join(tmpdir(), "petiole-ahead-"));
  try {
    const { command, nativeAddon } = await commandFor(options, cacheDir);
    const request = { component, cacheDir, memory, table, warmUp, calls, nativeAddon };
    const report = await runChild(command, request, signal);
    const made = await readMade(cacheDir);
    const content = { ...made, engine: { ...made.engine, cpu: cpuOf(target) ?? made.engine.cpu } };
    const pieces = await signEntry(content, options.signingKey);
    await writeFile(options.out, pieces);
    const size = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    return { content, size, calls: report.calls, failures: report.failures, firstFailure: report.firstFailure };
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}

async function commandFor(
  options: AheadOptions,
  workFolder: string,
): Promise<{ readonly command: readonly string[]; readonly nativeAddon: string }> {
  const { target, flags = process.execArgv } = options;
  const { arch, features, name } = target;
  const machine = `linux-${arch}`;
  // Another executable of petiole has its own add-on, where this one has it.
  const nativeAddon = nativeAddonPath(isExecutable() ? undefined : machine);
  if (!existsSync(nativeAddon)) {
    throw lacking(name, `the add-on for it: node scripts/build-native.ts --target ${machine}`);
  }
  const child = (node?: string): readonly string[] =>
    processCommand("compile-ahead", [...flags, "--no-warnings"], node);
  if (arch === process.arch && (features === undefined || arch === "arm64")) {
    return { command: child(options.node), nativeAddon };
  }
  if (arch !== "arm64" || features === undefined) throw lacking(name, `a machine with an ${arch} processor`);
  const node = options.node ?? nodeFor(machine);
  if (node === undefined) throw lacking(name, `petiole for ${machine}, by --node`);
  if (!existsSync(node)) throw lacking(name, `Node for it, of npm's package node-${machine}: "${node}"`);
  const targetCpu = await onDisk(targetCpuPath(machine), workFolder);
  const emulator = options.emulator ?? "qemu-aarch64-static";
  // The processor that can do everything, less what the board's kernel does not name.
  const emulated = ["-L", options.libraries ?? "/usr/aarch64-linux-gnu", "-cpu", "max"];
  const environment = [
    `LD_PRELOAD=${targetCpu}`,
    `PETIOLE_HWCAP=0x${features[0].toString(16)}`,
    `PETIOLE_HWCAP2=0x${features[1].toString(16)}`,
  ].flatMap((variable) => ["-E", variable]);
  return { command: [emulator, ...emulated, ...environment, ...child(node)], nativeAddon };
}

/** What npm has installed for a machine; the single executable knows of no other. */
function nodeFor(machine: string): string | undefined {
  return isExecutable()
    ? undefined
    : fileURLToPath(new URL(`../../../node_modules/node-${machine}/bin/node`, import.meta.url));
}

/** Other processes do not see the files inside the executable. */
async function onDisk(library: string, folder: string): Promise<string> {
  if (!isExecutable()) return library;
  if (!existsSync(library)) throw lacking("another processor", "a petiole that was built with a cross compiler");
  const copy = join(folder, basename(library));
  await writeFile(copy, [await readFile(library)]);
  return copy;
}

async function runChild(
  [file = "", ...args]: readonly string[],
  request: AheadRequest,
  signal: AbortSignal,
): Promise<AheadReport & { readonly ok: true }> {
  signal.throwIfAborted();
  const child = spawn(file, args, { stdio: "pipe", signal, killSignal: "SIGKILL", env: {} });
  // When it ends without reading, how it ended says more than the broken pipe.
  child.stdin.on("error", () => {});
  child.stdin.end(JSON.stringify(request));
  let ended: [code: number | null, killedBy: NodeJS.Signals | null];
  let output: [stdout: string, stderr: string];
  try {
    const close = once(child, "close") as Promise<typeof ended>; // As child_process documents it.
    const [end, ...streams] = await Promise.all([close, text(child.stdout), text(child.stderr)]);
    ended = end;
    output = streams;
  } catch (cause) {
    signal.throwIfAborted();
    throw new PetioleError("ERR_COMPONENT_PREPARE", `Cannot run "${file}": ${String(cause)}`, { cause });
  }
  const report = parseReport(output[0]);
  if (report === undefined) {
    const end = ended[1] ?? `exit code ${ended[0]}`;
    throw new PetioleError(
      "ERR_COMPONENT_PREPARE",
      `Cannot compile "${request.component}": "${file}" ended with ${end}: ${output[1].trim().slice(-KEPT_OUTPUT)}`,
    );
  }
  if (!report.ok) throw new PetioleError(report.code, report.message);
  return report;
}

function parseReport(stdout: string): AheadReport | undefined {
  try {
    return JSON.parse(stdout) as AheadReport; // Written by our own child, in one piece or not at all.
  } catch {
    return undefined;
  }
}

/** The only entry of a cache that was just made, verified like any other. */
async function readMade(cacheDir: string): Promise<EntryContent> {
  const folder = join(cacheDir, "components");
  const [name = ""] = await readdir(folder);
  const bytes = new Uint8Array(await readFile(join(folder, name)));
  // What it is for is in its header; the seal then says whether that is true.
  const { component, engine, limits } = decodeHeader(bytes.subarray(0, -TRAILER_SIZE));
  const { key } = await openDeviceKey(join(cacheDir, "cache.key"), silentLogger);
  const cache = createEntryCache({ folder, key, durable: true, quota: Infinity, log: silentLogger });
  const content = await cache.load({ component, engineKey: engineKey(engine), limits });
  if (content === undefined)
    throw new PetioleError("ERR_INVARIANT", "Cannot read what was compiled: its seal is wrong");
  return content;
}

async function writeFile(file: string, pieces: readonly Uint8Array[]): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    {
      await using handle = await open(temporary, "w", 0o644);
      for (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    }
    await rename(temporary, file);
    await syncFolder(dirname(file));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new PetioleError("ERR_COMPONENT_PREPARE", `Cannot write "${file}": ${String(cause)}`, { cause });
  }
}

function lacking(target: string, what: string): PetioleError {
  return new PetioleError("ERR_COMPONENT_PREPARE", `Cannot compile for "${target}": this needs ${what}`);
}
