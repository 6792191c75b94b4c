// The kernel of the device lab: Debian's own for arm64, and gpio-sim as a module beside it, built from Debian's sources of
// the same kernel, since Debian leaves it out.

import { spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Of the kernel, for Node, and for both. */
export interface Machine {
  readonly kernel: string;
  /** Modules, in the order in which they are loaded. */
  readonly modules: readonly string[];
  /** The libraries that Node is linked to. */
  readonly libraries: readonly string[];
}

const LIBRARIES = {
  libc6: ["ld-linux-aarch64.so.1", "libc.so.6", "libdl.so.2", "libpthread.so.0", "libm.so.6"],
  "libstdc++6": ["libstdc++.so.6"],
  "libgcc-s1": ["libgcc_s.so.1"],
  libatomic1: ["libatomic.so.1"],
} as const;

const IMAGE = /^linux-image-((\d+\.\d+)\.\d+-\d+)-arm64$/;
const COMPILER = "aarch64-linux-gnu-gcc-12";

interface RunOptions {
  readonly cwd: string;
  readonly quiet?: boolean;
}

function run(command: string, args: readonly string[], { cwd, quiet = true }: RunOptions): string {
  const stdio = ["ignore", "pipe", quiet ? "pipe" : "inherit"] as const;
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", stdio: [...stdio] });
  if (status === 0) return stdout;
  throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr ?? ""}${stdout.slice(-2000)}`);
}

/** Asks Debian's archive for another architecture without a change of this machine's own lists. */
function createApt(folder: string): {
  readonly search: (pattern: string) => string[];
  readonly fetch: (names: readonly string[]) => void;
} {
  const options = [
    "APT::Architecture=arm64",
    "APT::Architectures::=arm64",
    `Dir::State=${folder}/state`,
    `Dir::Cache=${folder}/cache`,
    "Dir::State::status=/dev/null",
    "APT::Sandbox::User=",
  ].flatMap((option) => ["-o", option]);
  const cwd = folder;
  run("mkdir", ["-p", "state/lists/partial", "cache/archives/partial"], { cwd });
  run("apt-get", [...options, "-qq", "update"], { cwd });
  return {
    search: (pattern) =>
      run("apt-cache", [...options, "search", "--names-only", pattern], { cwd })
        .split("\n")
        .map((line) => line.split(" ")[0] ?? ""),
    fetch: (names) => void run("apt-get", [...options, "-qq", "download", ...names], { cwd }),
  };
}

function newest(names: readonly string[]): RegExpExecArray | undefined {
  const found = names.map((name) => IMAGE.exec(name)).filter((match) => match !== null);
  return found.sort((a, b) => (a[1] ?? "").localeCompare(b[1] ?? "", "en", { numeric: true })).at(-1);
}

async function unpack(folder: string, pattern: RegExp, into: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".deb") && pattern.test(name)) run("dpkg-deb", ["-x", name, into], { cwd: folder });
  }
}

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

async function build(folder: string, out: string): Promise<void> {
  const apt = createApt(folder);
  const found = newest(apt.search("^linux-image-[0-9.]+-[0-9]+-arm64$"));
  const [image, version, series] = found ?? [];
  if (image === undefined || version === undefined || series === undefined)
    throw new Error("Found no kernel for arm64");
  const release = `${version}-arm64`;
  apt.fetch([image, `linux-headers-${release}`, `linux-headers-${version}-common`, ...Object.keys(LIBRARIES)]);
  // These run here.
  run("apt-get", ["-qq", "download", `linux-kbuild-${series}`, `linux-source-${series}`], { cwd: folder });
  await unpack(folder, /^linux-image/, "image");
  await unpack(folder, /^linux-(headers|kbuild)/, "headers");
  await unpack(folder, /^linux-source/, "source");
  await unpack(folder, /^lib/, "libraries");
  await mkdir(join(folder, "out/lib"), { recursive: true });
  await cp(join(folder, "image/boot", `vmlinuz-${release}`), join(folder, "out/kernel"));
  const configfs = join(folder, "image/lib/modules", release, "kernel/fs/configfs/configfs.ko");
  await cp(configfs, join(folder, "out/configfs.ko"));
  await cp(await buildModule(folder, release, series), join(folder, "out/gpiosim.ko"));
  for (const library of Object.values(LIBRARIES).flat()) {
    const places = ["lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib"].map((place) =>
      join(folder, "libraries", place, library),
    );
    const from = places.find((place) => existsSync(place));
    if (from === undefined) throw new Error(`Debian's packages for arm64 have no ${library}`);
    await writeFile(join(folder, "out/lib", library), await readFile(from));
  }
  await rename(join(folder, "out"), out);
}

/** Takes some minutes and 200 MB of downloads the first time. @throws Error when what it takes is missing */
export async function obtainMachine(cache: string, say: (line: string) => void): Promise<Machine> {
  const folder = join(cache, "machine");
  if (!existsSync(folder)) {
    if (spawnSync(COMPILER, ["--version"]).status !== 0) {
      throw new Error(
        `Found no ${COMPILER}: the lab needs Debian 12 with gcc-12-aarch64-linux-gnu, make and qemu-system-arm`,
      );
    }
    say("Fetching Debian's kernel and building gpio-sim for it; the next time they are there already");
    await mkdir(cache, { recursive: true });
    const work = await mkdtemp(join(cache, "work-"));
    try {
      await build(work, folder);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  const at = (name: string): string => join(folder, name);
  return {
    kernel: at("kernel"),
    modules: [at("configfs.ko"), at("gpiosim.ko")],
    libraries: Object.values(LIBRARIES)
      .flat()
      .map((name) => join(folder, "lib", name)),
  };
}
