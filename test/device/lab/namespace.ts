// A place where programs for arm64 run as they are: a namespace of users, mounts and processes with a binfmt_misc of its
// own, which Linux has since 6.7. An older kernel needs them registered for the whole machine, as Debian's package of
// qemu-user does it. Nothing is registered or changed here.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readFile, readlink, writeFile } from "node:fs/promises";
import process from "node:process";
import { waitFor } from "../../support/wait-for.ts";

const FORMAT = "/usr/lib/binfmt.d/qemu-aarch64.conf";
/** Users and groups of the guest's files are those of the host. */
const MAP = "0 0 65536";

/** The first shell has lost what it may do, as it belongs to nobody yet; the second one, of root, has it again. */
const SETUP = `read -r _ && exec sh -c '
  set -e
  mount -t proc proc /proc
  if mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; then
    printf %s "$0" >/proc/sys/fs/binfmt_misc/register
  fi
  exec "$@"' "$0" "$@"`;

interface NamespaceOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Takes what is printed. */
  readonly log: string;
}

/** Runs a program as root of such a place. @throws Error when it fails */
export async function runForArm64(command: readonly string[], { env, log }: NamespaceOptions): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error("Making the lab's Debian takes root, the first time");
  const [format = ""] = (await readFile(FORMAT, "utf8")).split("\n");
  const enter = ["--user", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", SETUP, format];
  const child = spawn("unshare", [...enter, ...command], { env, stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "exit") as Promise<[number | null]>;
  const file = createWriteStream(log);
  child.stdout.pipe(file);
  child.stderr.pipe(file);
  const own = await readlink("/proc/self/ns/user");
  await waitFor(
    "the namespace",
    async () => child.exitCode !== null || (await readlink(`/proc/${child.pid}/ns/user`)) !== own,
  );
  await writeFile(`/proc/${child.pid}/uid_map`, MAP);
  await writeFile(`/proc/${child.pid}/gid_map`, MAP);
  child.stdin.end("\n");
  const [code] = await ended;
  if (code !== 0) {
    const end = (await readFile(log, "utf8")).slice(-2000);
    throw new Error(
      `${command.join(" ")} failed in a namespace for arm64, which takes Linux 6.7 or a machine that runs such programs:\n${end}`,
    );
  }
}
