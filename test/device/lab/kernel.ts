// The kernels of the device lab: Debian 12's own for arm64, with gpio-sim as a module beside it, built from Debian's
// sources of the same kernel, since Debian leaves it out; and Debian 13's with pages of 16 KiB, as a Raspberry Pi 5 has.

import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { newest, openArchive, type Archive } from "./apt.ts";
import { has, run } from "./shell.ts";

export interface Kernel {
  /** Of its modules' folder. */
  readonly release: string;
  readonly image: string;
  /** The folder of modules, without an index of what needs what. */
  readonly modules: string;
}

/** Of the kernel, for Node, and for both. */
export interface Machine {
  readonly kernel: Kernel;
  /** Modules of the suites, in the order in which they are loaded. */
  readonly modules: readonly string[];
  /** The libraries that Node is linked to. */
  readonly libraries: readonly string[];
  /** With pages of 16 KiB. */
  readonly largePages: Kernel;
}

const LIBRARIES = {
  libc6: ["ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libpthread.so.0", "libm.so.6"],
  "libstdc++6": ["libstdc++.so.6"],
  "libgcc-s1": ["libgcc_s.so.1"],
  libatomic1: ["libatomic.so.1"],
} as const;

const IMAGE = /^linux-image-((\d+\.\d+)\.\d+-\d+-arm64)$/;
const LARGE_PAGES = /^linux-image-(\d\S*-arm64-16k)$/;
const COMPILER = "aarch64-linux-gnu-gcc-12";
/** What a gateway may use of a kernel; the rest is ten times as much. */
const MODULES = [
  "block",
  "crypto",
  "drivers/block",
  "drivers/char",
  "drivers/firmware",
  "drivers/gpio",
  "drivers/i2c",
  "drivers/input",
  "drivers/net/virtio_net.ko",
  "drivers/net/net_failover.ko",
  "drivers/rtc",
  "drivers/tty",
  "drivers/usb/serial",
  "drivers/virtio",
  "drivers/watchdog",
  "fs",
  "lib",
  "net/core",
  "net/ipv6",
  "net/netfilter",
  "net/packet",
  "net/sched",
];
/** Counts up when what is kept of the kernels changes. */
const EDITION = 2;

/** Gives the path of the module. */
async function buildModule(folder: string, release: string, series: string): Promise<string> {
  const headers = join(folder, "headers/usr/src", `linux-headers-${release}`);
  const common = join(folder, "headers/usr/src", `linux-headers-${release.replace(/-arm64$/, "-common")}`);
  // It names the folder that the package would be installed to.
  await writeFile(join(headers, "Makefile"), `include ${common}/Makefile\n`);
  const sources = join(folder, "sources");
  const parts = ["drivers/gpio/gpio-sim.c", "drivers/gpio/gpiolib.h", "kernel/irq/irq_sim.c"];
  const archive = join(folder, `source/usr/src/linux-source-${series}.tar.xz`);
  await mkdir(sources);
  run("tar", ["-xf", archive, "--strip-components=1", ...parts.map((part) => `linux-source-${series}/${part}`)], {
    cwd: sources,
  });
  const module = join(folder, "module");
  await mkdir(module);
  for (const part of parts) await cp(join(sources, part), join(module, part.split("/").at(-1) ?? ""));
  // The kernel keeps this function from modules; the other one does the same.
  const simulated = join(module, "irq_sim.c");
  const text = await readFile(simulated, "utf8");
  await writeFile(simulated, text.replace("handle_simple_irq(irq_to_desc(irqnum))", "generic_handle_irq(irqnum)"));
  // Debian's kernel has no simulated interrupts either: they become a part of the module.
  await writeFile(join(module, "Makefile"), "obj-m := gpiosim.o\ngpiosim-objs := gpio-sim.o irq_sim.o\n");
  run("make", ["-s", "-C", headers, `M=${module}`, "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-", "modules"], {
    cwd: module,
  });
  return join(module, "gpiosim.ko");
}

/** Keeps the kernel's image and the modules above, which newer kernels have compressed. */
async function keepKernel(image: string, release: string, out: string): Promise<void> {
  const modules = join(out, "modules", release);
  const from = ["lib/modules", "usr/lib/modules"].map((place) => join(image, place, release)).find(existsSync);
  if (from === undefined) throw new Error(`Debian's kernel ${release} has no modules`);
  await mkdir(join(modules, "kernel"), { recursive: true });
  await cp(join(image, "boot", `vmlinuz-${release}`), join(out, "image"));
  for (const name of await readdir(from)) {
    if (name.startsWith("modules.")) await cp(join(from, name), join(modules, name));
  }
  for (const name of MODULES) {
    const place = [name, `${name}.xz`].find((one) => existsSync(join(from, "kernel", one)));
    if (place !== undefined) await cp(join(from, "kernel", place), join(modules, "kernel", place), { recursive: true });
  }
  for (const name of await readdir(modules, { recursive: true })) {
    if (name.endsWith(".ko.xz")) run("xz", ["-d", name], { cwd: modules });
  }
}

async function buildMachine(folder: string, archive: Archive, out: string): Promise<void> {
  const [image, release, series] = newest(archive.search("^linux-image-[0-9.]+-[0-9]+-arm64$"), IMAGE) ?? [];
  if (image === undefined || release === undefined || series === undefined)
    throw new Error("Found no kernel for arm64");
  const common = `linux-headers-${release.replace(/-arm64$/, "-common")}`;
  await archive.unpack([image], join(folder, "image"));
  await archive.unpack([`linux-headers-${release}`, common], join(folder, "headers"));
  await archive.unpack(Object.keys(LIBRARIES), join(folder, "libraries"));
  // These run here.
  const own = await openArchive({ folder: join(folder, "own") });
  await own.unpack([`linux-kbuild-${series}`], join(folder, "headers"));
  await own.unpack([`linux-source-${series}`], join(folder, "source"));
  await mkdir(join(out, "lib"), { recursive: true });
  await keepKernel(join(folder, "image"), release, out);
  const extra = join(out, "modules", release, "extra");
  await mkdir(extra, { recursive: true });
  await cp(await buildModule(folder, release, series), join(extra, "gpiosim.ko"));
  for (const library of Object.values(LIBRARIES).flat()) {
    const places = ["lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib"].map((place) =>
      join(folder, "libraries", place, library),
    );
    const from = places.find((place) => existsSync(place));
    if (from === undefined) throw new Error(`Debian's packages for arm64 have no ${library}`);
    await writeFile(join(out, "lib", library), await readFile(from));
  }
}

async function buildLargePages(folder: string, archive: Archive, out: string): Promise<void> {
  const [image, release] = newest(archive.search("^linux-image-[0-9].*-arm64-16k$"), LARGE_PAGES) ?? [];
  if (image === undefined || release === undefined) throw new Error("Found no kernel with pages of 16 KiB");
  await archive.unpack([image], join(folder, "image"));
  await keepKernel(join(folder, "image"), release, out);
}

/** Made in a folder beside it first: what is there is complete. */
async function obtain(folder: string, build: (work: string, out: string) => Promise<void>): Promise<Kernel> {
  if (!existsSync(folder)) {
    await mkdir(join(folder, ".."), { recursive: true });
    const work = await mkdtemp(`${folder}-work-`);
    try {
      await mkdir(join(work, "out"));
      await build(work, join(work, "out"));
      await rename(join(work, "out"), folder);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const [release = ""] = await readdir(join(folder, "modules"));
  return { release, image: join(folder, "image"), modules: join(folder, "modules", release) };
}

/** Takes some minutes and 300 MB of downloads the first time. @throws Error when what it takes is missing */
export async function obtainMachine(cache: string, say: (line: string) => void): Promise<Machine> {
  const folder = join(cache, `kernel-${EDITION}`);
  const large = join(cache, `kernel-16k-${EDITION}`);
  if (!existsSync(folder) && !has(COMPILER)) {
    throw new Error(
      `Found no ${COMPILER}: the lab needs Debian 12 with gcc-12-aarch64-linux-gnu, make and qemu-system-arm`,
    );
  }
  if (!existsSync(folder) || !existsSync(large)) {
    say("Fetching Debian's kernels and building gpio-sim; the next time they are there already");
  }
  const kernel = await obtain(folder, async (work, out) => {
    await buildMachine(work, await openArchive({ folder: join(work, "apt"), architecture: "arm64" }), out);
  });
  const largePages = await obtain(large, async (work, out) => {
    const options = { folder: join(work, "apt"), architecture: "arm64", suite: "trixie" } as const;
    await buildLargePages(work, await openArchive(options), out);
  });
  const at = (name: string): string => join(kernel.modules, name);
  return {
    kernel,
    modules: [at("kernel/fs/configfs/configfs.ko"), at("extra/gpiosim.ko")],
    libraries: Object.values(LIBRARIES)
      .flat()
      .map((name) => join(folder, "lib", name)),
    largePages,
  };
}
