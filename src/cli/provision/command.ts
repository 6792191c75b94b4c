import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import type { Config } from "../../config/schema.ts";
import { tlsFiles } from "../../daemon/leaf-settings.ts";
import { isPetioleError } from "../../domain/errors.ts";
import { minutes, seconds } from "../../domain/units.ts";
import { enrolDevice } from "../../enrolment/enrol.ts";
import { readEnrolment } from "../../enrolment/record.ts";
import { parseToken } from "../../enrolment/token.ts";
import { backoffDelay } from "../../lib/backoff.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer } from "../agent-socket.ts";
import { provision, type ProvisionDeps, type ProvisionReport } from "./provision.ts";

const run = promisify(execFile);

export interface ProvisionOptions {
  readonly config: string;
  readonly restart?: string;
  readonly wait?: true;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Where the provisioning file is looked for: the boot partition, as Debian and its relatives mount it, and `/etc`. */
const PLACES = [
  "/boot/firmware/petiole/provision.yaml",
  "/boot/petiole/provision.yaml",
  "/etc/petiole/provision.yaml",
] as const;

/** A device that has no link yet may get one at any time; the hub of a fleet must not be knocked at in step. */
const BACKOFF = { initial: seconds(10), max: minutes(10) };

/** `petiole provision` */
export async function provisionCommand(file: string | undefined, options: ProvisionOptions): Promise<void> {
  const { dryRun = false } = options;
  const deps: ProvisionDeps = {
    file: resolve(file ?? PLACES.find((place) => existsSync(place)) ?? PLACES[0]),
    target: resolve(options.config),
    isPackaged,
    enrol,
    restart: async () => await restart(options.restart),
    now: () => Date.now(),
    dryRun,
  };
  const report = options.wait === true && !dryRun ? await patiently(deps) : await provision(deps);
  printAnswer(options, { file: deps.file, ...report }, (answer) => describe(answer).join("\n"));
}

function describe({ file, outcome, device, enrolled, steps }: ProvisionReport & { readonly file: string }): string[] {
  if (outcome === "nothing") return [`no provisioning file at "${file}": nothing to do`];
  if (outcome === "planned")
    return [`would set up "${device}" from "${file}":`, ...steps.map((step) => `  ${step}`), "nothing was changed"];
  return [`"${device}" ${enrolled ? "is enrolled" : "has its configuration"}; "${file}" is removed`];
}

/** Tries again what may work later, for as long as it takes. */
async function patiently(deps: ProvisionDeps): Promise<ProvisionReport> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await provision(deps);
    } catch (error) {
      if (!isPetioleError(error) || !error.retryable) throw error;
      const delay = backoffDelay(attempt, BACKOFF);
      console.error(`petiole: ${error.code}: ${error.message}; tried again in ${Math.round(delay / 1000)} s`);
      await setTimeout(delay);
    }
  }
}

async function enrol({ device, hub, state_dir: stateDir }: Config, token: string): Promise<void> {
  const tls = hub?.tls === undefined ? undefined : tlsFiles(hub.tls);
  const before = await readEnrolment(stateDir).catch(() => undefined);
  // With the same token it was done, and the power was cut then. Whoever gives a device another one means it.
  const isDone = before?.token === parseToken(token).publicKey && before.name === device.id;
  await enrolDevice({ stateDir, device: device.id, token, tls, force: !isDone });
}

/** dpkg keeps the digest of each configuration file as the package brought it. */
async function isPackaged(target: string, text: string): Promise<boolean> {
  try {
    const { stdout } = await run("dpkg-query", ["-W", "-f=${Conffiles}\n", "petiole"]);
    const digest = createHash("md5").update(text).digest("hex");
    return stdout.split("\n").some((line) => line.trim().startsWith(`${target} ${digest}`));
  } catch {
    // No dpkg, or no package.
    return false;
  }
}

/** Only what runs is started again: it reads its configuration as it starts. */
async function restart(unit: string | undefined): Promise<void> {
  if (unit === undefined) return;
  try {
    await run("systemctl", ["--no-block", "try-restart", unit]);
  } catch (error) {
    console.error(`petiole: "${unit}" was not restarted: ${reasonOf(error)}`);
  }
}
