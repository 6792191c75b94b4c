import { createHash, type Hash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { PetioleError, isPetioleError } from "../../../domain/errors.ts";
import { kibibytes, type Bytes } from "../../../domain/units.ts";
import type { Digest } from "../../../domain/workload.ts";
import { isErrno } from "../../../lib/files.ts";
import { reasonOf } from "../../../lib/reason.ts";
import { readClaims, type ProviderClaims } from "./claims.ts";
import { executableProblem, isExecutable, type Machine } from "./machine.ts";
import { TarFault, isTarHeader, readTar, type TarEntry } from "./tar.ts";

export interface UnpackOptions {
  /** An archive of a provider, gzipped or not, or an executable itself. */
  readonly source: string;
  /** Where the executable goes. What is there is replaced once the new one is whole and fits its claims. */
  readonly into: string;
  readonly machine: Machine;
  /** Bytes that the source, and the executable, may have. */
  readonly maxSize: Bytes;
  /** Of what the source has to be; another one is refused. */
  readonly digest?: Digest | undefined;
  /** Asked before the executable takes its place; refuses by throwing. */
  readonly verify: (found: Unpacked) => Promise<void>;
}

export interface Unpacked {
  /** Of the source, as it was read. */
  readonly digest: Digest;
  readonly size: number;
  /** SHA-256 of the executable in upper-case hexadecimal digits. */
  readonly hash: string;
  /** Undefined for a bare executable. */
  readonly claims: ProviderClaims | undefined;
}

const CLAIMS = "claims.jwt";
const MAX_CLAIMS = kibibytes(64);
const MAX_ENTRIES = 64;
/** An archive has binaries for several machines; what it unpacks to is bounded all the same. */
const UNPACKED_FACTOR = 8;
const HEAD = 512;
const EXECUTABLE = 0o700;

interface Content {
  readonly hash: string;
  readonly claims: ProviderClaims | undefined;
}

/**
 * Brings the executable for this machine to a file of our own, and says what it came from. The source is read once, so
 * that what was hashed is what was unpacked.
 * @throws PetioleError ERR_EXECUTABLE_UNREADABLE, ERR_EXECUTABLE_FORMAT, ERR_EXECUTABLE_TARGET, ERR_EXECUTABLE_TOO_LARGE,
 *   ERR_EXECUTABLE_DIGEST, ERR_PROVIDER_START when the disk does not take it; the signal's reason
 */
export async function unpackExecutable(options: UnpackOptions, signal: AbortSignal): Promise<Unpacked> {
  const { source, into, digest: want } = options;
  const part = `${into}.part`;
  try {
    await using input = await openSource(options);
    const hash = createHash("sha256");
    let size = 0;
    const content = await unpack(
      input,
      hashed(input, hash, signal, (bytes) => (size += bytes)),
      part,
      options,
      signal,
    );
    const digest = `sha256:${hash.digest("hex")}`;
    if (want !== undefined && digest !== want) {
      throw new PetioleError("ERR_EXECUTABLE_DIGEST", `Cannot use "${source}": found ${digest}, want ${want}`);
    }
    const found = { digest, size, ...content };
    await options.verify(found);
    signal.throwIfAborted();
    await rename(part, into);
    return found;
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    if (signal.aborted) throw signal.reason;
    throw isPetioleError(error) ? error : explain(error, options);
  }
}

function explain(cause: unknown, { source, into }: UnpackOptions): PetioleError {
  // Of the disk, such as one that is full.
  if (cause instanceof Error && "syscall" in cause) {
    return new PetioleError("ERR_PROVIDER_START", `Cannot unpack "${source}" to "${into}": ${cause.message}`, {
      cause,
    });
  }
  const found = cause instanceof TarFault ? cause.message : `it is damaged: ${reasonOf(cause)}`;
  return new PetioleError("ERR_EXECUTABLE_FORMAT", `Cannot unpack "${source}": ${found}`, { cause });
}

async function openSource({ source, maxSize }: UnpackOptions): Promise<FileHandle> {
  const fail = (found: string, cause?: unknown): PetioleError =>
    new PetioleError("ERR_EXECUTABLE_UNREADABLE", `Cannot read "${source}": ${found}`, { cause });
  let input: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    input = await open(source, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw fail(isErrno(cause, "ENOENT") ? "there is no such file" : reasonOf(cause), cause);
  }
  await using stack = new AsyncDisposableStack();
  stack.use(input);
  const stats = await input.stat();
  if (!stats.isFile()) throw fail("it is not a regular file");
  if (stats.size > maxSize) throw tooLarge(source, `it has ${stats.size} bytes`, maxSize);
  stack.move();
  return input;
}

const tooLarge = (source: string, found: string, max: number): PetioleError =>
  new PetioleError("ERR_EXECUTABLE_TOO_LARGE", `Cannot use "${source}": ${found}, want at most ${max}`);

async function* hashed(
  input: FileHandle,
  hash: Hash,
  signal: AbortSignal,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const stream = input.createReadStream({ start: 0, autoClose: false, signal });
  for await (const chunk of stream) {
    const bytes = chunk as Buffer; // No encoding is set.
    hash.update(bytes);
    count(bytes.length);
    yield bytes;
  }
}

async function unpack(
  input: FileHandle,
  chunks: AsyncIterable<Uint8Array>,
  part: string,
  options: UnpackOptions,
  signal: AbortSignal,
): Promise<Content> {
  const { source, maxSize } = options;
  const head = new Uint8Array(HEAD);
  const { bytesRead } = await input.read(head, 0, HEAD, 0);
  const start = head.subarray(0, bytesRead);
  if (isExecutable(start)) {
    const { hash } = await writeExecutable(chunks, part, options);
    return { hash, claims: undefined };
  }
  const most = maxSize * UNPACKED_FACTOR;
  if (start[0] === 0x1f && start[1] === 0x8b) {
    let content: Content | undefined;
    await pipeline(
      chunks,
      createGunzip(),
      async (unzipped: AsyncIterable<Uint8Array>) => {
        content = await unpackTar(bounded(unzipped, most, source), part, options);
      },
      { signal },
    );
    if (content === undefined) throw new PetioleError("ERR_INVARIANT", `Nothing came of unpacking "${source}"`);
    return content;
  }
  if (isTarHeader(start)) return await unpackTar(bounded(chunks, most, source), part, options);
  throw new PetioleError(
    "ERR_EXECUTABLE_FORMAT",
    `Cannot use "${source}": it is neither a provider archive nor an executable`,
  );
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, most: number, source: string): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > most) throw tooLarge(source, `it unpacks to more than ${most} bytes`, most);
    yield chunk;
  }
}

async function unpackTar(chunks: AsyncIterable<Uint8Array>, part: string, options: UnpackOptions): Promise<Content> {
  const { source, machine } = options;
  const wanted = `${machine.target}.bin`;
  const targets: string[] = [];
  let token: string | undefined;
  let hash: string | undefined;
  let entries = 0;
  for await (const entry of readTar(chunks)) {
    entries += 1;
    if (entries > MAX_ENTRIES) throw new TarFault(`it has more than ${MAX_ENTRIES} entries`);
    if (entry.name === CLAIMS) token ??= await readText(entry);
    else if (entry.name === wanted && hash === undefined) {
      ({ hash } = await writeExecutable(entry.content, part, options));
    }
    if (entry.name.endsWith(".bin")) targets.push(entry.name.slice(0, -".bin".length));
  }
  if (token === undefined) throw new TarFault(`it has no ${CLAIMS}`);
  const claims = readClaims(token);
  if ("fault" in claims) throw new TarFault(claims.fault);
  if (hash === undefined) {
    const found = targets.length === 0 ? "nothing" : targets.join(", ");
    throw new PetioleError(
      "ERR_EXECUTABLE_TARGET",
      `Cannot use "${source}" on this machine: it has binaries for ${found}, want ${machine.target}`,
    );
  }
  const named = Object.hasOwn(claims.hashes, machine.target) ? claims.hashes[machine.target] : undefined;
  if (named?.toUpperCase() !== hash) {
    const told = named === undefined ? "no hash" : `the hash ${named.slice(0, 64)}`;
    throw new PetioleError(
      "ERR_EXECUTABLE_DIGEST",
      `Cannot use "${source}": its claims have ${told} for ${machine.target}, found ${hash}`,
    );
  }
  return { hash, claims };
}

async function readText({ name, size, content }: TarEntry): Promise<string> {
  if (size > MAX_CLAIMS) throw new TarFault(`its ${name} has ${size} bytes, want at most ${MAX_CLAIMS}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString().trim();
}

async function writeExecutable(
  content: AsyncIterable<Uint8Array>,
  part: string,
  { source, maxSize, machine }: UnpackOptions,
): Promise<{ readonly hash: string }> {
  // A running process goes on with its own file.
  await rm(part, { force: true });
  await using output = await open(part, "wx", EXECUTABLE);
  const hash = createHash("sha256");
  let head = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of content) {
    if (head.length < HEAD) head = Buffer.concat([head, chunk.subarray(0, HEAD - head.length)]);
    size += chunk.length;
    if (size > maxSize) throw tooLarge(source, `its executable has more than ${maxSize} bytes`, maxSize);
    hash.update(chunk);
    await writeAll(output, chunk);
  }
  const problem = executableProblem(head, machine);
  if (problem !== undefined) {
    throw new PetioleError("ERR_EXECUTABLE_TARGET", `Cannot use "${source}" on this machine: ${problem}`);
  }
  return { hash: hash.digest("hex").toUpperCase() };
}

async function writeAll(output: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await output.write(bytes, written)).bytesWritten;
  }
}
