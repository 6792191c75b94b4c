// A Debian of its own: unpacked into a folder, used as a chroot or booted with its own systemd in namespaces of the
// kernel that runs here. Nothing of it touches this machine's users, services or devices.

import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { waitFor } from "../support/wait-for.ts";

const run = promisify(execFile);
const PACKAGES = ["systemd", "systemd-sysv", "udev", "libatomic1", "libstdc++6", "libgcc-s1", "iproute2"];
const MIRROR = "http://deb.debian.org/debian";
const BOOT_MS = 120_000;

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Debian extends AsyncDisposable {
  readonly root: string;
  /** Runs a shell command inside. */
  readonly sh: (command: string) => Promise<Outcome>;
  /** Gives what a command prints. @throws Error with what it said, when it fails */
  readonly ok: (command: string) => Promise<string>;
}

/** Why this machine cannot do it; undefined when it can. */
export function lackOf(): string | undefined {
  if (process.getuid?.() !== 0) return "it takes root, for namespaces and the owners of files";
  for (const command of ["mmdebstrap", "unshare", "nsenter", "dpkg-deb"]) {
    if (spawnSync(command, ["--version"]).error !== undefined) return `there is no ${command} on this machine`;
  }
  return undefined;
}

/** An archive of the Debian, made once and kept. */
export async function obtainDebian(suite: string, progress: (line: string) => void): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "petiole", "package-lab");
  const file = join(cache, `${suite}-amd64-1.tar`);
  if (existsSync(file)) return file;
  progress(`making Debian ${suite} with mmdebstrap`);
  await mkdir(cache, { recursive: true });
  const excluded = "--dpkgopt=path-exclude=/usr/share/locale/*";
  const options = ["--quiet", "--variant=minbase", "--architectures=amd64", "--format=tar", excluded];
  await run("mmdebstrap", [...options, `--include=${PACKAGES.join(",")}`, suite, `${file}.part`, MIRROR]);
  await rename(`${file}.part`, file);
  return file;
}

/** Unpacks it, with `files` in its folder /root. */
export async function unpackDebian(archive: string, files: readonly string[]): Promise<Debian> {
  const root = await mkdtemp(join(tmpdir(), "petiole-debian-"));
  await run("tar", ["-C", root, "-xf", archive]);
  for (const file of files) await cp(file, join(root, "root", basename(file)));
  // Nothing is asked, and nothing is fetched.
  await writeFile(join(root, "etc/apt/sources.list"), "");
  const enter = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
  const inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, root];
  return debianIn(root, inside, () => rm(root, { recursive: true, force: true }));
}

/** Boots it. Disposing ends every process of it, and leaves the folder. */
export async function bootDebian({ root }: Debian): Promise<Debian> {
  const group = join(await cgroupRoot(), `petiole-package-${process.pid}`);
  await mkdir(group);
  const spaces = ["--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "--cgroup"];
  const boot = ["unshare", ...spaces, "sh", join(import.meta.dirname, "boot.sh"), root];
  const child = spawn("sh", ["-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, group, ...boot], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  // Also when this process ends before its time.
  process.once("exit", () => child.kill("SIGKILL"));
  const close = async (): Promise<void> => {
    await end(child);
    await waitFor("the control groups to be empty", () => removeGroups(group));
  };
  try {
    const first = await waitFor("the first process", () => childOf(child.pid ?? 0));
    const inside = ["nsenter", "-t", String(first), "-m", "-p", "-u", "-i", "-n", "-C"];
    const debian = debianIn(root, inside, close);
    await waitFor("systemd", async () => (await debian.sh("systemctl is-system-running")).out === "running", BOOT_MS);
    return debian;
  } catch (error) {
    await close();
    throw error;
  }
}

function debianIn(root: string, inside: readonly string[], close: () => Promise<void>): Debian {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: "/root",
    DEBIAN_FRONTEND: "noninteractive",
    LC_ALL: "C.UTF-8",
  };
  const sh = async (command: string): Promise<Outcome> => {
    const [program, ...args] = [...inside, "sh", "-c", command];
    return new Promise((resolve) => {
      execFile(program, args, { env, maxBuffer: 64 * 1024 ** 2 }, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, out: out.trim(), err: err.trim() });
      });
    });
  };
  return {
    root,
    sh,
    ok: async (command) => {
      const { code, out, err } = await sh(command);
      if (code !== 0) throw new Error(`"${command}" ended with ${code}: ${err || out}`);
      return out;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Where the second version of control groups is mounted. */
async function cgroupRoot(): Promise<string> {
  const mounts = (await readFile("/proc/mounts", "utf8")).split("\n").map((line) => line.split(" "));
  const [, path] = mounts.find(([, , type]) => type === "cgroup2") ?? [];
  if (path === undefined) throw new Error("No cgroup2 file system is mounted");
  return path;
}

/** Gives undefined until there is one. */
async function childOf(pid: number): Promise<number | undefined> {
  // The shell has become unshare by then; its child becomes systemd.
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).trim();
  if (!/^\d+$/.test(children)) return undefined;
  const name = await readFile(`/proc/${children}/comm`, "utf8");
  return name.trim() === "systemd" ? Number(children) : undefined;
}

/** unshare takes its child along, and that, as the first process, everything in its namespace. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** Whether all are gone: a group with a process in it stays. */
async function removeGroups(group: string): Promise<boolean> {
  const { stdout } = await run("find", [group, "-depth", "-type", "d"]);
  for (const folder of stdout.trim().split("\n")) await rmdir(folder);
  return !existsSync(group) && existsSync(dirname(group));
}
