// Which process a number stands for: numbers come round again, also after a reboot.

import { readFile } from "node:fs/promises";
import { z } from "zod";
import { isErrno } from "../../../lib/files.ts";

const schema = z.object({
  pid: z.int().min(2),
  /** Clock ticks from the boot to its start. */
  started: z.string().min(1),
  boot: z.string().min(1),
});
export type ProcessIdentity = Readonly<z.infer<typeof schema>>;

export const readBoot = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();

/** Undefined when there is no such process, or only what is left of one. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may have any character.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const started = fields[18];
    return state === "Z" || state === "X" || started === undefined
      ? undefined
      : { pid, started, boot: await readBoot() };
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}

/** Undefined for a text that is none. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}

export async function isAlive({ pid, started, boot }: ProcessIdentity): Promise<boolean> {
  const found = await identify(pid);
  return found !== undefined && found.started === started && found.boot === boot;
}

/** Signals a process and every one of its group. */
export function signalGroup(leader: number, name: NodeJS.Signals): void {
  try {
    process.kill(-leader, name);
  } catch (error) {
    // Of a group of which some have changed their user, the kernel reports those that it could not reach.
    if (!isErrno(error, "ESRCH") && !isErrno(error, "EPERM")) throw error;
  }
}
