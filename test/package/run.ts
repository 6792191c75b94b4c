// npm run test:package [-- --binary FILE] [--suite bookworm|trixie] [--quick]
//
// The life of the package on a real Debian: in a chroot, as images are made, and booted, with the service. Takes the
// executable of `npm run build -- --target linux-x64`. With --quick the package is neither compressed nor shown to lintian.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildPackage, type BuiltPackage, type Compression } from "../../cross-build/deb/build.ts";
import { commandLine, inventoryBeside, sourceEpoch } from "../../cross-build/deb/sources.ts";
import { findGo } from "../../scripts/build-nats-server.ts";
import { reasonOf } from "../../src/lib/reason.ts";
import { obtainServer } from "../../cross-build/nats-server.ts";
import { tempFolder } from "../support/processes.ts";
import { lackOf, obtainDebian, unpackDebian, bootDebian } from "./debian.ts";
import { chrootSteps, serviceSteps, type Step } from "./steps.ts";

const ROOT = join(import.meta.dirname, "../..");
const MOST_BYTES = 45e6;
const { values } = parseArgs({
  options: {
    binary: { type: "string", default: join(ROOT, "dist/linux-x64/petiole") },
    suite: { type: "string", default: "bookworm" },
    quick: { type: "boolean", default: false },
  },
});

const binary = resolve(values.binary);
const go = await findGo(process.env).then(
  () => undefined,
  (error: unknown) => reasonOf(error),
);
const lack = lackOf() ?? (existsSync(binary) ? go : `"${binary}" is missing: npm run build makes it`);
if (lack !== undefined) {
  process.stderr.write(`The package cannot be tested here: ${lack}\n`);
  process.exit(3);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
let faults = 0;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const check = async (what: string, act: () => unknown): Promise<void> => {
  const start = performance.now();
  try {
    await act();
    say(`ok      ${what} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    faults++;
    say(`FAILED  ${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
};

await using folder = await tempFolder();
const facts = {
  binary,
  commands: await commandLine(),
  inventory: await inventoryBeside(join(binary, "..")),
  natsServer: await obtainServer("linux-x64", "auto", say),
};
const make = async (version: string, compression: Compression): Promise<BuiltPackage> =>
  buildPackage({ ...facts, version, compression, target: "linux-x64", epoch: await sourceEpoch(), out: folder.path });
const first = await make("1.0.0", values.quick ? "none" : "xz");
const second = await make("1.1.0", "none");

if (!values.quick) {
  await check(`the package has ${(first.size / 1e6).toFixed(1)} MB, want at most ${MOST_BYTES / 1e6}`, () => {
    if (first.size > MOST_BYTES) throw new Error("it is too large");
  });
  await check("lintian finds nothing", () => {
    const { error, stdout, status } = spawnSync("lintian", ["--allow-root", "--fail-on", "error,warning", first.file], {
      encoding: "utf8",
    });
    if (error !== undefined) say("        skipped: there is no lintian on this machine");
    else if (status !== 0 || stdout.trim() !== "") throw new Error(stdout);
  });
}

const archive = await obtainDebian(values.suite, say);
const component = join(ROOT, "examples/smoother/build/smoother.wasm");
const files = [first.file, second.file, component];
const packages = { first: "/root/petiole_1.0.0_amd64.deb", second: "/root/petiole_1.1.0_amd64.deb" };
const walk = async (steps: readonly Step[]): Promise<void> => {
  for (const { what, act } of steps) await check(what, act);
};
{
  say(`Debian ${values.suite}, nothing of it running`);
  await using debian = await unpackDebian(archive, files);
  await walk(chrootSteps(debian, packages));
}
{
  await using debian = await unpackDebian(archive, files);
  say(`Debian ${values.suite}, booted`);
  await using booted = await bootDebian(debian);
  await walk(serviceSteps(booted, packages));
}
say(faults === 0 ? "no faults" : `${faults} faults`);
process.exitCode = faults === 0 ? 0 : 1;
