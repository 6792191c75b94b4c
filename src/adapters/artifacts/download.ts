import { createHash, type Hash } from "node:crypto";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import type { Digest } from "../../domain/workload.ts";
import type { ArtifactKind } from "../../host/ports.ts";
import { backoffDelay, type BackoffOptions } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { isErrno, syncFolder } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { Opened } from "./source.ts";

export interface DownloadRequest {
  /** For messages. */
  readonly name: string;
  /** A component unless given, whose first bytes tell. */
  readonly kind?: ArtifactKind | undefined;
  readonly digest: Digest;
  readonly size: number;
  /** Where bytes gather. What an earlier try left there is gone on from. */
  readonly part: string;
  /** Where the file is once it is whole and verified, and nothing before. On the same file system. */
  readonly file: string;
  readonly open: (offset: number, signal: AbortSignal) => Promise<Opened>;
  /** How long nothing may come. The whole may take as long as it takes. */
  readonly stall: Millis;
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly clock: Clock;
  readonly backoff?: BackoffOptions;
}

export interface Downloaded {
  /** Bytes that came over the wire. */
  readonly received: number;
  /** Bytes that an earlier try had left. */
  readonly resumedFrom: number;
}

/** Tries in a row that bring nothing. Whoever asked for the download may try again later. */
const MAX_FRUITLESS = 4;
const BACKOFF: BackoffOptions = { initial: millis(500), max: seconds(15) };
const READ_SIZE = 256 * 1024;
/** How every WebAssembly binary begins. */
const MAGIC = Buffer.from("\0asm", "latin1");

/**
 * Brings a file of a known digest to the disk. A connection that breaks is made again and goes on where it ended; after a
 * kill or a power cut the next call does.
 * @throws PetioleError ERR_ARTIFACT_DIGEST, ERR_ARTIFACT_FORMAT, ERR_ARTIFACT_DISK; what `open` and its chunks throw; the
 *   signal's reason
 */
export async function download(request: DownloadRequest, signal: AbortSignal): Promise<Downloaded> {
  const { name, digest, part, file } = request;
  const handle = await onDisk(request, () => open(part, "a+", 0o600));
  try {
    const state = await readPart(request, handle, signal);
    const resumedFrom = state.length;
    await receiveAll(request, handle, state, signal);
    let found = finish(state);
    if (found !== digest && resumedFrom > 0) {
      // A power cut may have left nonsense where bytes of an earlier try were: once more, from the start.
      await startOver(request, handle, state);
      await receiveAll(request, handle, state, signal);
      found = finish(state);
    }
    if (found !== digest) {
      await rm(part, { force: true });
      throw new PetioleError("ERR_ARTIFACT_DIGEST", `Cannot use "${name}": found ${found}, want ${digest}`);
    }
    await onDisk(request, async () => {
      await handle.sync();
      await rename(part, file);
      await syncFolder(dirname(file));
    });
    return { received: state.received, resumedFrom };
  } finally {
    await handle.close();
  }
}

/** The part as it is on the disk. */
interface State {
  length: number;
  /** Of all of it. */
  hash: Hash;
  /** Bytes that came over the wire. */
  received: number;
}

const finish = (state: State): Digest => `sha256:${state.hash.digest("hex")}`;

async function startOver(request: DownloadRequest, handle: FileHandle, state: State): Promise<void> {
  await onDisk(request, () => handle.truncate(0));
  state.length = 0;
  state.hash = createHash("sha256");
}

async function readPart(request: DownloadRequest, handle: FileHandle, signal: AbortSignal): Promise<State> {
  const state: State = { length: 0, hash: createHash("sha256"), received: 0 };
  const { size } = await handle.stat();
  if (size > request.size) {
    await startOver(request, handle, state);
    return state;
  }
  const buffer = Buffer.allocUnsafe(READ_SIZE);
  while (state.length < size) {
    signal.throwIfAborted();
    const { bytesRead } = await onDisk(request, () => handle.read(buffer, 0, buffer.byteLength, state.length));
    if (bytesRead === 0) break;
    state.hash.update(buffer.subarray(0, bytesRead));
    state.length += bytesRead;
  }
  return state;
}

/** Resolves once there are as many bytes as there should be. */
async function receiveAll(
  request: DownloadRequest,
  handle: FileHandle,
  state: State,
  signal: AbortSignal,
): Promise<void> {
  for (let fruitless = 0; state.length < request.size;) {
    const before = state.received;
    try {
      await receive(request, handle, state, signal);
      if (state.length < request.size) {
        throw new PetioleError("ERR_ARTIFACT_UNREACHABLE", `Cannot fetch "${request.name}": it broke off`);
      }
    } catch (error) {
      if (signal.aborted || !isPetioleError(error, "ERR_ARTIFACT_UNREACHABLE")) throw error;
      fruitless = state.received > before ? 0 : fruitless + 1;
      if (fruitless === MAX_FRUITLESS) throw error;
      await request.clock.sleep(backoffDelay(fruitless, request.backoff ?? BACKOFF), signal);
    }
  }
}

/** One connection, to its end. */
async function receive(request: DownloadRequest, handle: FileHandle, state: State, signal: AbortSignal): Promise<void> {
  const { name, size, stall, onProgress } = request;
  using watch = watchStall(name, stall, signal);
  try {
    const { start, chunks } = await request.open(state.length, watch.signal);
    if (start < state.length) await startOver(request, handle, state);
    for await (const chunk of chunks) {
      watch.signal.throwIfAborted();
      watch.heard();
      if (state.length + chunk.byteLength > size) {
        await rm(request.part, { force: true });
        throw new PetioleError("ERR_ARTIFACT_DIGEST", `Cannot use "${name}": it has more than its ${size} bytes`);
      }
      if (request.kind !== "executable") checkMagic(name, state.length, chunk);
      await onDisk(request, () => writeAll(handle, chunk));
      state.hash.update(chunk);
      state.length += chunk.byteLength;
      state.received += chunk.byteLength;
      onProgress?.(state.length);
    }
  } catch (error) {
    // What the abort of a stall made of the connection says less than why.
    throw signal.aborted ? signal.reason : (watch.stalled() ?? error);
  }
}

/** Said with the first bytes, so that not all of something else is fetched. */
function checkMagic(name: string, offset: number, chunk: Uint8Array): void {
  const [from, to] = [Math.min(offset, MAGIC.length), Math.min(offset + chunk.byteLength, MAGIC.length)];
  if (Buffer.from(chunk.buffer, chunk.byteOffset, to - from).equals(MAGIC.subarray(from, to))) return;
  throw new PetioleError("ERR_ARTIFACT_FORMAT", `Cannot use "${name}": its bytes are not WebAssembly`);
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.byteLength;) {
    written += (await handle.write(chunk, written, chunk.byteLength - written)).bytesWritten;
  }
}

interface StallWatch extends Disposable {
  /** Aborts with the outer signal, or when nothing was heard for too long. */
  readonly signal: AbortSignal;
  heard(): void;
  stalled(): PetioleError | undefined;
}

function watchStall(name: string, limit: Millis, outer: AbortSignal): StallWatch {
  const stop = new AbortController();
  let stalled: PetioleError | undefined;
  const timer = setTimeout(() => {
    stalled = new PetioleError(
      "ERR_ARTIFACT_UNREACHABLE",
      `Cannot fetch "${name}": nothing came for ${limit / 1000} s`,
    );
    stop.abort(stalled);
  }, limit);
  timer.unref();
  return {
    signal: AbortSignal.any([outer, stop.signal]),
    heard: () => void timer.refresh(),
    stalled: () => stalled,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/** @throws PetioleError ERR_ARTIFACT_DISK in place of what the file system failed with */
async function onDisk<T>({ name, part }: DownloadRequest, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    // The outbox may need what this took of a disk that is full.
    if (isErrno(cause, "ENOSPC") || isErrno(cause, "EDQUOT")) await rm(part, { force: true }).catch(() => undefined);
    throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot keep "${name}" in "${dirname(part)}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}
