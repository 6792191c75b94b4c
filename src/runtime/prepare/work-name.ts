// Names of files that are being written: they tell by which process, so that what is left of one that is gone can be told
// from what is still being written.

import { randomUUID } from "node:crypto";
import { isErrno } from "../../lib/files.ts";

const PREFIX = ".work-";
/** In a container, each process after the other may have the same number. */
const THIS_PROCESS = randomUUID();

export function workName(): string {
  return `${PREFIX}${process.pid}-${THIS_PROCESS}-${randomUUID()}`;
}

export function isWork(name: string): boolean {
  return name.startsWith(PREFIX);
}

/** True when the process that was writing it is gone; false also when nobody knows. */
export function isLeftover(name: string, isAlive: (pid: number) => boolean = isRunning): boolean {
  const match = /^(\d+)-([0-9a-f-]{36})-/.exec(isWork(name) ? name.slice(PREFIX.length) : "");
  if (match === null) return false;
  const pid = Number(match[1]);
  return pid === process.pid ? match[2] !== THIS_PROCESS : !isAlive(pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isErrno(error, "ESRCH");
  }
}
