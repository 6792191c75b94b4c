// Secrets in a folder, one file each: one that the administrator fills, or the one that systemd makes for the service.

import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import type { SecretReference, SecretValue } from "../../domain/secret.ts";
import { kibibytes, type Millis } from "../../domain/units.ts";
import type { SecretBackend } from "../../host/ports.ts";
import { isErrno } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { partOf, valueOf } from "../../lib/secret-value.ts";

export interface FileSecretsOptions {
  readonly folder: string;
  readonly refresh: Millis;
  /** Who else may read a file of systemd's is for systemd. */
  readonly checkModes: boolean;
}

const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/;
const MAX_SIZE = kibibytes(64);
const OTHERS = 0o007;
const GROUP_WRITES = 0o020;

export function createFileSecrets({ folder, refresh, checkModes }: FileSecretsOptions): SecretBackend {
  return {
    refresh,
    settles: true,
    async read({ reference }) {
      const { secret, version } = reference;
      if (!NAME.test(secret)) throw notFound(reference, "want the name of a file: letters, digits, dots, - and _");
      if (version !== undefined) throw notFound(reference, "files have no versions");
      return partOf(reference, await readValue(join(folder, secret), reference, checkModes));
    },
  };
}

async function readValue(path: string, reference: SecretReference, checkModes: boolean): Promise<SecretValue> {
  const what = `Cannot read the ${reference.toString()} from "${path}"`;
  try {
    // Without O_NONBLOCK, opening a pipe waits for a writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    const { mode, uid, size } = stats;
    if (!stats.isFile()) throw new PetioleError("ERR_SECRET_INVALID", `${what}: it is not a regular file`);
    const problem = checkModes ? modeProblem(mode, uid) : undefined;
    if (problem !== undefined) throw new PetioleError("ERR_SECRET_DENIED", `${what}: ${problem}`);
    if (size > MAX_SIZE) {
      throw new PetioleError("ERR_SECRET_INVALID", `${what}: it has ${size} bytes, want at most ${MAX_SIZE}`);
    }
    return valueOf(await file.readFile());
  } catch (cause) {
    if (cause instanceof PetioleError) throw cause;
    if (isErrno(cause, "ENOENT")) throw notFound(reference, `there is no file "${path}"`);
    if (isErrno(cause, "EACCES")) {
      throw new PetioleError("ERR_SECRET_DENIED", `${what}: the agent may not read it`, { cause });
    }
    throw new PetioleError("ERR_SECRET_UNAVAILABLE", `${what}: ${reasonOf(cause)}`, { cause });
  }
}

/** The group may read: so a file of root's is given to the agent. */
function modeProblem(mode: number, uid: number): string | undefined {
  const shown = (mode & 0o777).toString(8).padStart(4, "0");
  if ((mode & OTHERS) !== 0) return `its mode is ${shown}, which gives it to everybody: want 0600 or 0640`;
  if ((mode & GROUP_WRITES) !== 0) return `its mode is ${shown}, which lets its group change it: want 0600 or 0640`;
  const own = process.getuid?.();
  if (uid !== 0 && own !== undefined && uid !== own)
    return "it belongs to another user: want it to be root's or the agent's";
  return undefined;
}

const notFound = (reference: SecretReference, why: string): PetioleError =>
  new PetioleError("ERR_SECRET_NOT_FOUND", `Cannot find the ${reference.toString()}: ${why}`);
