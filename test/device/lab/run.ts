// npm run test:device: a gateway's life on arm64 machines that QEMU plays; see docs/testing.md.
//
//   life --only life     scenarios, with those that they need; all unless given
//   --package FILE       the package for arm64, instead of building it
//   --scale 20           by how much the times of the suites are longer
//   --keep               the disks stay, too
//   --json               findings as one JSON object on standard output; the rest goes to standard error

import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { formatTable } from "../../../src/cli/table.ts";
import { reasonOf } from "../../../src/lib/reason.ts";
import { createChecks, type Finding } from "./checks.ts";
import { obtainMachine } from "./kernel.ts";
import { CACHE, createLab, ROOT, type Scenario } from "./lab.ts";
import { obtainDebian } from "./rootfs.ts";
import { fleetScenario } from "./scenarios/fleet.ts";
import { installScenario } from "./scenarios/install.ts";
import { lifeScenario } from "./scenarios/life.ts";
import { manualScenario } from "./scenarios/manual.ts";
import { pagesScenario } from "./scenarios/pages.ts";
import { provisionScenario } from "./scenarios/provision.ts";
import { serviceScenario } from "./scenarios/service.ts";
import { storageScenario } from "./scenarios/storage.ts";
import { tutorialScenario } from "./scenarios/tutorial.ts";
import { updateScenario } from "./scenarios/update.ts";
import { createSuite } from "./scenarios/suites.ts";

const { values, positionals } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: [] },
    package: { type: "string" },
    scale: { type: "string", default: "20" },
    keep: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const output = values.json ? process.stderr : process.stdout;
const say = (line: string): void => void output.write(`${line}\n`);

const SCENARIOS: readonly Scenario[] = [
  createSuite("gpio", Number(values.scale)),
  createSuite("serial", Number(values.scale)),
  installScenario,
  manualScenario,
  tutorialScenario,
  lifeScenario,
  fleetScenario,
  updateScenario,
  provisionScenario,
  serviceScenario,
  storageScenario,
  pagesScenario,
];

/** In the order above, with what they need. */
function pickScenarios(names: readonly string[]): readonly Scenario[] {
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  const known = SCENARIOS.map((scenario) => `  ${scenario.name}: ${scenario.about}`).join("\n");
  if (unknown.length > 0) throw new Error(`There is no scenario ${unknown.join(", ")}; want some of\n${known}`);
  if (names.length === 0) return SCENARIOS;
  const wanted = new Set<string>();
  const add = (name: string): void => {
    wanted.add(name);
    for (const needed of SCENARIOS.find((scenario) => scenario.name === name)?.needs ?? []) add(needed);
  };
  for (const name of names) add(name);
  return SCENARIOS.filter(({ name }) => wanted.has(name));
}

/** Builds it, unless one is given. */
function obtainPackage(): string {
  if (values.package !== undefined) return resolve(values.package);
  say("Building the executable and the package for arm64");
  let made = "";
  for (const script of ["build", "package"]) {
    const args = ["run", "--silent", script, "--", "--target", "linux-arm64", "--json"];
    const { status, stdout } = spawnSync("npm", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", 2] });
    if (status !== 0) throw new Error(`npm run ${script} failed`);
    made = stdout;
  }
  const { file, natsServer } = JSON.parse(made) as { readonly file: string; readonly natsServer: string | null };
  if (natsServer === null) throw new Error("The package has no nats-server, which the devices of the lab run");
  return file;
}

const once = <T>(make: () => T): (() => T) => {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

const scenarios = pickScenarios([...positionals, ...values.only]);
const folder = await mkdtemp(join(tmpdir(), "petiole-lab-"));
await mkdir(CACHE, { recursive: true });
const findings: Finding[] = [];
const begin = performance.now();
const machine = await obtainMachine(CACHE, say);
const lab = createLab({
  machine,
  debian: once(() => obtainDebian(CACHE, machine, say)),
  package: once(obtainPackage),
  folder,
});
for (const { name, about, needs = [], run } of scenarios) {
  say(`\n── ${name}: ${about}`);
  const checks = createChecks(name, (finding) => {
    findings.push(finding);
    const { verdict, check, seconds, detail } = finding;
    say(`${verdict === "ok" ? "✓" : verdict === "FAILED" ? "✗" : "-"} ${check} (${seconds.toFixed(0)} s) ${detail}`);
  });
  const broken = needs.find((needed) => findings.some((one) => one.scenario === needed && one.verdict === "FAILED"));
  if (broken !== undefined) {
    checks.skip("everything", `${broken} failed`);
    continue;
  }
  try {
    await run(lab, checks);
  } catch (error) {
    // What a check threw is a finding already.
    if (!findings.some((finding) => finding.scenario === name && finding.verdict === "FAILED")) {
      checks.skip("the rest", reasonOf(error));
    }
  }
}
await writeFile(join(folder, "findings.json"), JSON.stringify(findings, undefined, 2));
for (const { name } of values.keep ? [] : scenarios) await rm(join(folder, name, "disk.qcow2"), { force: true });
const failed = findings.filter(({ verdict }) => verdict === "FAILED").length;
say("");
say(
  formatTable([
    ["scenario", "check", "verdict", "seconds"],
    ...findings.map(({ scenario, check, verdict, seconds }) => [scenario, check, verdict, seconds.toFixed(1)]),
  ]),
);
say(
  `\n${findings.length} checks, ${failed} failed, ${((performance.now() - begin) / 1000).toFixed(0)} s; the log is in ${folder}`,
);
if (values.json) process.stdout.write(`${JSON.stringify({ failed, folder, findings })}\n`);
process.exitCode = failed === 0 ? 0 : 1;
