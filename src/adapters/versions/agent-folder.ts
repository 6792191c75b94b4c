// Versions of the agent in its state folder: what systemd/launch starts, and says how it lies there. What has to change in
// one step is the target of a link. The order of the steps is what makes a power cut harmless: at each of them the
// launcher finds either the version before or the new one.

import { createHash } from "node:crypto";
import {
  mkdir,
  open,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  statfs,
  symlink,
  writeFile,
  type FileHandle,
} from "node:fs/promises";
import { join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import type { BadRelease } from "../../domain/release.ts";
import { mebibytes } from "../../domain/units.ts";
import type { Digest } from "../../domain/workload.ts";
import { isErrno, syncFolder, writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";

export interface FolderState {
  /** Undefined stands for the packaged version. */
  readonly current: string | undefined;
  readonly previous: string | undefined;
  readonly trial: { readonly version: string; readonly starts: number } | undefined;
  /** As the launcher found it. */
  readonly packaged: string | undefined;
  readonly installed: readonly string[];
  readonly bad: readonly BadRelease[];
}

export interface StagedExecutable {
  readonly digest: Digest;
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Kept beside it. */
  readonly statement: string;
}

export interface AgentFolder {
  readonly path: string;
  /** Where a release is once it is whole. */
  readonly incoming: string;
  /** Where it gathers before. */
  readonly incomingPart: string;
  state(): Promise<FolderState>;
  /** Makes the folders. */
  make(): Promise<void>;
  /** @throws PetioleError ERR_ARTIFACT_DISK when there is no room for so many bytes */
  needRoom(bytes: number): Promise<void>;
  /**
   * Writes an executable where the launcher does not look yet, and returns its path.
   * @throws PetioleError ERR_RELEASE_INVALID when its bytes are not those of the digest, ERR_ARTIFACT_DISK
   */
  stage(executable: StagedExecutable): Promise<string>;
  /**
   * Makes what was staged the current version, on trial. `before` is what to go back to; undefined stands for the
   * packaged version.
   * @throws PetioleError ERR_ARTIFACT_DISK
   */
  activate(version: string, before: string | undefined): Promise<void>;
  /** The current version has proved itself. */
  confirm(): Promise<void>;
  /** A start of a version on trial that somebody ended says nothing about it. */
  uncount(): Promise<void>;
  /** Marks a version, and makes the one before it, or the packaged one, the current one. */
  giveUp(version: string, reason: string): Promise<void>;
  /** Takes the mark from a version. */
  forgive(version: string): Promise<void>;
  /** Starts from now on are no failures in a row. */
  calmDown(): Promise<void>;
  /** Removes versions that neither run nor could be gone back to, and what was not finished. */
  prune(): Promise<void>;
  /** Removes what was staged, and what was fetched whole unless the next try is to go on from it. */
  clear(choice: { readonly keepFetched: boolean }): Promise<void>;
}

/** Left for the store, which has to go on writing. */
const RESERVE = mebibytes(32);
const STAGED = ".staged";
const VERSION = /^\d[0-9A-Za-z.+-]*$/;
/** A mark that was not whole when the power went, or is not yet. */
const LEFTOVER = /\.\d+\.tmp$/;

export function createAgentFolder(path: string): AgentFolder {
  const versions = join(path, "versions");
  const bad = join(path, "bad");
  const staged = join(versions, STAGED);
  const incoming = join(path, "incoming.release");
  const incomingPart = `${incoming}.part`;

  async function put(link: string, target: string): Promise<void> {
    const temporary = join(path, `${link}.new`);
    await rm(temporary, { force: true });
    await symlink(target, temporary);
    await rename(temporary, join(path, link));
    await syncFolder(path);
  }

  async function drop(link: string): Promise<void> {
    await rm(join(path, link), { force: true });
    await syncFolder(path);
  }

  async function versionOf(link: string): Promise<string | undefined> {
    const name = (await targetOf(join(path, link)))?.replace(/^versions\//, "");
    return name !== undefined && VERSION.test(name) ? name : undefined;
  }

  async function readState(): Promise<FolderState> {
    const trial = /^(.+):(\d+)$/.exec((await targetOf(join(path, "trial"))) ?? "");
    const packaged = (await targetOf(join(path, "packaged")))?.split(":")[1];
    return {
      current: await versionOf("current"),
      previous: await versionOf("previous"),
      trial: trial === null ? undefined : { version: trial[1] ?? "", starts: Number(trial[2]) },
      packaged: packaged === "" ? undefined : packaged,
      installed: (await namesIn(versions)).filter((name) => VERSION.test(name)).sort(),
      bad: await readMarks(),
    };
  }

  /** Somebody may write or take away a mark meanwhile. */
  async function readMarks(): Promise<BadRelease[]> {
    const names = (await namesIn(bad)).filter((name) => VERSION.test(name) && !LEFTOVER.test(name)).sort();
    const marks = await Promise.all(
      names.map(async (version) => {
        const reason = await readFile(join(bad, version), "utf8").catch((error: unknown) => {
          if (!isErrno(error, "ENOENT")) throw error;
          return undefined;
        });
        return reason === undefined ? [] : [{ version, reason: reason.trim() }];
      }),
    );
    return marks.flat();
  }

  async function needRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(path);
    const free = bavail * bsize;
    if (free >= bytes + RESERVE) return;
    const want = `want ${bytes} and ${RESERVE} to spare`;
    throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot keep a version in "${path}": ${free} bytes are free, ${want}`);
  }

  async function mark(version: string, reason: string): Promise<void> {
    await mkdir(bad, { recursive: true, mode: 0o700 });
    const line = reason.replaceAll(/\s+/g, " ").slice(0, 500);
    await writeFileAtomic(join(bad, version), `${line}\n`);
  }

  async function clear({ keepFetched }: { readonly keepFetched: boolean }): Promise<void> {
    await rm(staged, { recursive: true, force: true });
    if (!keepFetched) {
      await rm(incoming, { force: true });
      return;
    }
    try {
      await rename(incoming, incomingPart);
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  }

  return {
    path,
    incoming,
    incomingPart,
    state: readState,
    needRoom,
    make: () => onDisk(path, async () => void (await mkdir(versions, { recursive: true, mode: 0o700 }))),

    stage: ({ digest, size, chunks, statement }) =>
      onDisk(path, async () => {
        await rm(staged, { recursive: true, force: true });
        await needRoom(size);
        await mkdir(staged, { mode: 0o700 });
        const file = join(staged, "petiole");
        await using handle = await open(file, "wx", 0o700);
        const found = await writeAll(handle, chunks, size);
        if (found !== digest) {
          await rm(staged, { recursive: true, force: true });
          const text = `Cannot use the release: its executable is ${found}, its statement is for ${digest}`;
          throw new PetioleError("ERR_RELEASE_INVALID", text);
        }
        await handle.sync();
        await writeDurable(join(staged, "sha256"), `${digest.replace(/^sha256:/, "")}  petiole\n`);
        await writeDurable(join(staged, "statement"), `${statement}\n`);
        await syncFolder(staged);
        return file;
      }),

    activate: (version, before) =>
      onDisk(path, async () => {
        // Left by a version that was given up, or by a cut before it became the current one.
        await rm(join(versions, version), { recursive: true, force: true });
        await rename(staged, join(versions, version));
        await syncFolder(versions);
        if (before === undefined) await drop("previous");
        else await put("previous", `versions/${before}`);
        // Before it is the current one: a start that is not counted could be the last of any number.
        await put("trial", `${version}:0`);
        await put("current", `versions/${version}`);
      }),

    confirm: () => drop("trial"),

    async uncount() {
      const { trial } = await readState();
      if (trial !== undefined && trial.starts > 0) await put("trial", `${trial.version}:${trial.starts - 1}`);
    },

    async giveUp(version, reason) {
      await mark(version, reason);
      const { previous, bad: marked } = await readState();
      const isUsable =
        previous !== undefined && previous !== version && !marked.some((one) => one.version === previous);
      if (isUsable) await put("current", `versions/${previous}`);
      else await drop("current");
      await drop("trial");
    },

    forgive: async (version) => {
      await rm(join(bad, version), { force: true });
      if ((await namesIn(path)).includes("bad")) await syncFolder(bad);
    },

    calmDown: async () => {
      if ((await targetOf(join(path, "starts"))) !== undefined) await drop("starts");
    },

    async prune() {
      const { current, previous, installed } = await readState();
      for (const version of installed.filter((one) => one !== current && one !== previous)) {
        await rm(join(versions, version), { recursive: true, force: true });
      }
      for (const name of (await namesIn(bad)).filter((one) => LEFTOVER.test(one))) await rm(join(bad, name));
      await clear({ keepFetched: false });
    },

    clear,
  };
}

/** Writes and hashes at most `size` bytes. */
async function writeAll(handle: FileHandle, chunks: AsyncIterable<Uint8Array>, size: number): Promise<Digest> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    if (length > size) {
      throw new PetioleError(
        "ERR_RELEASE_INVALID",
        `Cannot use the release: it has more than the ${size} bytes it is for`,
      );
    }
    await handle.writeFile(chunk);
    hash.update(chunk);
  }
  return `sha256:${hash.digest("hex")}`;
}

async function writeDurable(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600, flush: true });
}

async function targetOf(link: string): Promise<string | undefined> {
  try {
    return await readlink(link);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "EINVAL")) return undefined;
    throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  }
}

/** @throws PetioleError ERR_ARTIFACT_DISK in place of what the file system failed with */
async function onDisk<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot keep a version in "${folder}": ${reasonOf(cause)}`, { cause });
  }
}
