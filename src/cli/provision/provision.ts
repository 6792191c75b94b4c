import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseConfigSource } from "../../config/parse.ts";
import { MAX_PROVISION_FILE, parseProvisionFile, type ProvisionFile } from "../../config/provision-file.ts";
import type { Config } from "../../config/schema.ts";
import { isPetioleError, PetioleError } from "../../domain/errors.ts";
import { isErrno, readRegularFile, writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { asOwner, installConfig, isBlank, overwriteAndRemove, ownerOf, tellResult, type Owner } from "./files.ts";
import { planProvision, type ProvisionStep } from "./plan.ts";

/** In the state directory: the file that was used last, and may still have to be removed. */
const JOURNAL = "provision.json";
const MAX_CONFIG = 1024 * 1024;
const MAX_JOURNAL = 4096;

export interface ProvisionDeps {
  /** The provisioning file. */
  readonly file: string;
  /** Where the configuration goes. */
  readonly target: string;
  /** Whether the configuration at `target` is as the package brought it. */
  readonly isPackaged: (target: string, text: string) => Promise<boolean>;
  /** May be repeated with the same token after any failure. */
  readonly enrol: (config: Config, token: string) => Promise<void>;
  /** Makes the agent take up what changed. */
  readonly restart: () => Promise<void>;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Only says what would be done. */
  readonly dryRun?: boolean;
  readonly onStep?: (step: ProvisionStep, when: "before" | "after") => void;
}

export interface ProvisionReport {
  /** `nothing`: there is no provisioning file. `planned`: nothing was done, as was asked for. */
  readonly outcome: "done" | "nothing" | "planned";
  readonly device: string | undefined;
  readonly enrolled: boolean;
  /** What was done, or would be. */
  readonly steps: readonly ProvisionStep[];
}

/**
 * Sets the device up as the file says. May be repeated after any failure and after a power cut.
 * @throws PetioleError ERR_PROVISION_INVALID, ERR_PROVISION_CONFLICT, ERR_PROVISION_FILE, ERR_CONFIG_INVALID, and what
 * enrolling fails with
 */
export async function provision(deps: ProvisionDeps): Promise<ProvisionReport> {
  const { file, now } = deps;
  try {
    const report = await attempt(deps);
    if (report.outcome === "done") {
      const what = report.enrolled ? "is enrolled" : "has its configuration";
      await tellResult(file, `ok: "${report.device}" ${what}\n${new Date(now()).toISOString()}\n`);
    }
    return report;
  } catch (error) {
    if (isPetioleError(error) && deps.dryRun !== true) {
      const text = `failed: ${error.code}: ${error.message}`.replaceAll("\n", " | ");
      await tellResult(file, `${text}\n${new Date(now()).toISOString()}\n`);
    }
    throw error;
  }
}

async function attempt(deps: ProvisionDeps): Promise<ProvisionReport> {
  const { file, target, onStep } = deps;
  const text = await readText(file, MAX_PROVISION_FILE);
  if (text === undefined) return { outcome: "nothing", device: undefined, enrolled: false, steps: [] };
  const current = await readText(target, MAX_CONFIG);
  const used = current === undefined ? undefined : await readJournal(current, target);
  if (used !== undefined && isUsed(text, used)) {
    const { device, enrolled } = used;
    const rest = { device, enrolled, steps: ["remove-file"] } as const;
    if (deps.dryRun === true) return { outcome: "planned", ...rest };
    await carryOut("remove-file", onStep, () => remove(file));
    return { outcome: "done", ...rest };
  }
  const wanted = parseProvisionFile(text, file);
  const { config } = parseConfigSource(wanted.config, target);
  const isPackaged = current !== undefined && (await deps.isPackaged(target, current));
  const steps = planProvision({ file: wanted, config: current, isPackaged });
  if (steps === undefined) {
    const message = `Cannot install the configuration of "${file}": "${target}" is another one, which somebody made; move it away, or set replace_config: true`;
    throw new PetioleError("ERR_PROVISION_CONFLICT", message);
  }
  const entry: JournalEntry = {
    version: 1,
    digest: digestOf(text),
    size: Buffer.byteLength(text),
    device: config.device.id,
    enrolled: wanted.token !== undefined,
  };
  const done = { device: entry.device, enrolled: entry.enrolled, steps };
  if (deps.dryRun === true) return { outcome: "planned", ...done };
  const carryOutStep = executors(deps, { wanted, config, entry, owner: await ownerOf(config.state_dir) });
  for (const step of steps) await carryOut(step, onStep, carryOutStep[step]);
  return { outcome: "done", ...done };
}

/** The power was cut before it was gone: there may be no sense in it any more. */
const isUsed = (text: string, { digest, size }: JournalEntry): boolean =>
  digestOf(text) === digest || (Buffer.byteLength(text) === size && isBlank(text));

async function carryOut(
  step: ProvisionStep,
  onStep: ProvisionDeps["onStep"],
  work: () => Promise<void>,
): Promise<void> {
  onStep?.(step, "before");
  await work();
  onStep?.(step, "after");
}

interface Work {
  readonly wanted: ProvisionFile;
  readonly config: Config;
  readonly entry: JournalEntry;
  readonly owner: Owner | undefined;
}

function executors(
  { file, target, enrol, restart }: ProvisionDeps,
  { wanted, config, entry, owner }: Work,
): Record<ProvisionStep, () => Promise<void>> {
  const { token } = wanted;
  return {
    "install-config": async () => {
      try {
        await installConfig(target, wanted.config, owner?.gid);
      } catch (cause) {
        throw new PetioleError("ERR_PROVISION_FILE", `Cannot write "${target}": ${reasonOf(cause)}`, { cause });
      }
    },
    restart,
    enrol: async () => {
      if (token !== undefined) await asOwner(owner, () => enrol(config, token));
    },
    "mark-done": async () => await asOwner(owner, () => writeJournal(config.state_dir, entry)),
    "remove-file": async () => await remove(file),
  };
}

async function remove(file: string): Promise<void> {
  try {
    await overwriteAndRemove(file);
  } catch (cause) {
    const message = `Cannot remove "${file}", which was used and has the token in it: ${reasonOf(cause)}`;
    throw new PetioleError("ERR_PROVISION_FILE", message, { cause });
  }
}

const journalSchema = z.object({
  version: z.literal(1),
  /** Of the provisioning file. */
  digest: z.string(),
  size: z.int(),
  device: z.string(),
  enrolled: z.boolean(),
});
type JournalEntry = Readonly<z.infer<typeof journalSchema>>;

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

/** What was used last, by a device with this configuration. */
async function readJournal(configText: string, source: string): Promise<JournalEntry | undefined> {
  try {
    const { config } = parseConfigSource(configText, source);
    // It lies in a folder of the agent's user, who may have put a pipe there.
    const { bytes } = await readRegularFile(join(config.state_dir, JOURNAL), { maxSize: MAX_JOURNAL });
    return journalSchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    // Not set up yet, or no configuration at all.
    return undefined;
  }
}

async function writeJournal(stateDir: string, entry: JournalEntry): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(stateDir, JOURNAL), `${JSON.stringify(entry)}\n`);
  } catch (cause) {
    throw new PetioleError("ERR_PROVISION_FILE", `Cannot write in "${stateDir}": ${reasonOf(cause)}`, { cause });
  }
}

async function readText(path: string, maxSize: number): Promise<string | undefined> {
  try {
    return Buffer.from((await readRegularFile(path, { maxSize })).bytes).toString("utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new PetioleError("ERR_PROVISION_FILE", `Cannot read "${path}": ${reasonOf(cause)}`, { cause });
  }
}
