// The lab's Debian: the packages of a small gateway with systemd, in the image of a disk, and what the kernels start it with.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { openArchive } from "./apt.ts";
import { createInitrd } from "./initrd.ts";
import type { Kernel } from "./kernel.ts";
import { runForArm64 } from "./namespace.ts";
import { run } from "./shell.ts";
import { obtainTool } from "./tools.ts";

/** A kernel, and what it starts from. */
export interface Boot {
  readonly kernel: string;
  readonly initrd: string;
}

export interface Debian {
  /** Makes a disk that begins as this Debian, or as another disk, which is never written to again. */
  readonly makeDisk: (path: string, from: string | undefined) => void;
  readonly makeEmpty: (path: string, size: string) => void;
  readonly boot: Boot;
  /** The same with pages of 16 KiB. */
  readonly largePages: Boot;
}

const SUITE = "bookworm";
const PACKAGES = [
  "systemd",
  "systemd-sysv",
  "dbus",
  "udev",
  "kmod",
  "libatomic1",
  "libstdc++6",
  "gpiod",
  "iproute2",
  "procps",
  "ca-certificates",
  "sudo",
];
/** Nobody reads these on a device. */
const LEFT_OUT = ["doc", "man", "locale", "i18n"];
const SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

const digest = (...parts: readonly (string | Buffer)[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 12);
};

/** Everything below a folder, names and contents. */
async function digestFolder(folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  return digest(
    ...(await Promise.all(names.map(async (name) => Buffer.concat([Buffer.from(name), await readFile(name)])))),
  );
}

/** Debian's packages, installed: three to ten minutes, and again only when the list changes. */
async function obtainBase(cache: string, say: (line: string) => void): Promise<string> {
  const base = join(cache, `base-${digest(SUITE, ...PACKAGES, ...LEFT_OUT)}.tar`);
  if (existsSync(base)) return base;
  say("Installing Debian for arm64 into a folder, which takes some minutes; the next time it is there already");
  const work = await mkdtemp(join(cache, "work-"));
  try {
    const sources = SOURCES.find(existsSync);
    if (sources === undefined) throw new Error(`Found none of ${SOURCES.join(", ")}`);
    const made = join(work, "base.tar");
    const options = [
      "--quiet",
      "--mode=root",
      "--skip=check/qemu",
      "--architectures=arm64",
      "--variant=minbase",
      "--format=tar",
      `--include=${PACKAGES.join(",")}`,
      ...LEFT_OUT.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      '--aptopt=Acquire::Languages "none"',
    ];
    await runForArm64([await obtainTool(cache, "mmdebstrap"), ...options, SUITE, made, sources], {
      env: { ...process.env, TMPDIR: work },
      log: join(cache, "base.log"),
    });
    await rename(made, base);
    return base;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** @throws Error when something that it takes is missing */
export async function obtainDebian(
  cache: string,
  kernels: { readonly kernel: Kernel; readonly largePages: Kernel },
  say: (line: string) => void,
): Promise<Debian> {
  await mkdir(cache, { recursive: true });
  const base = await obtainBase(cache, say);
  const guest = join(import.meta.dirname, "guest");
  const script = join(import.meta.dirname, "make-image.sh");
  const all = [kernels.kernel, kernels.largePages];
  const recipes = [script, join(import.meta.dirname, "initrd.ts")].map((file) => readFile(file));
  const key = digest(
    basename(base),
    await digestFolder(guest),
    ...(await Promise.all(recipes)),
    ...all.map(({ release }) => release),
  );
  const folder = join(cache, `debian-${key}`);
  if (!existsSync(folder)) {
    const work = await mkdtemp(join(cache, "work-"));
    try {
      const out = join(work, "out");
      await mkdir(out);
      await runForArm64([script, base, guest, out, ...all.map(({ modules }) => modules)], {
        env: process.env,
        log: join(cache, "image.log"),
      });
      const archive = await openArchive({ folder: join(work), architecture: "arm64" });
      await archive.unpack(["busybox-static"], join(work, "busybox"));
      for (const kernel of all) {
        const index = await readFile(join(out, `${kernel.release}.dep`), "utf8");
        await writeFile(
          join(out, `${kernel.release}.initrd`),
          await createInitrd(kernel, index, join(work, "busybox/bin/busybox")),
        );
      }
      await rename(out, folder);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const boot = ({ image, release }: Kernel): Boot => ({ kernel: image, initrd: join(folder, `${release}.initrd`) });
  const image = await obtainTool(cache, "qemu-img");
  const makeDisk: Debian["makeDisk"] = (path, from) => {
    const backing = from === undefined ? ["-b", join(folder, "root.img"), "-F", "raw"] : ["-b", from, "-F", "qcow2"];
    run(image, ["create", "-q", "-f", "qcow2", ...backing, path], { cwd: folder });
  };
  const makeEmpty: Debian["makeEmpty"] = (path, size) =>
    void run(image, ["create", "-q", "-f", "qcow2", path, size], { cwd: folder });
  return { makeDisk, makeEmpty, boot: boot(kernels.kernel), largePages: boot(kernels.largePages) };
}
