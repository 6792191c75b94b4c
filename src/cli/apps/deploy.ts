import { readFile } from "node:fs/promises";
import { text as readText } from "node:stream/consumers";
import { dirname, resolve } from "node:path";
import { askAgent } from "../../adapters/control/client.ts";
import type { ApplicationStatus, DeployReport } from "../../domain/application.ts";
import { PetioleError } from "../../domain/errors.ts";
import { seconds } from "../../domain/units.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer, socketOf } from "../agent-socket.ts";
import { createProgress } from "../progress.ts";
import type { ChangeOptions } from "./options.ts";
import { formatChanges, formatUnfinished } from "./text.ts";
import { waitForOutcome } from "./wait.ts";

/** The device translates every application of it; a small one that compiles meanwhile is slow to tell how far it is, too. */
const ANSWER_LIMIT = seconds(60);

export interface ManifestFile {
  /** Stands before each fault. */
  readonly source: string;
  /** Where relative paths of it start. */
  readonly folder: string;
  readonly text: string;
}

/** `petiole deploy` */
export async function deploy(file: string, options: ChangeOptions): Promise<void> {
  const manifest = await readManifest(file);
  if (options.lattice === true) {
    const { deployToLattice } = await import("./wadm.ts");
    await deployToLattice(manifest, options);
    return;
  }
  const socket = await socketOf(options);
  const dryRun = options.dryRun === true;
  const report = await askAgent(socket, "app-deploy", { params: { ...manifest, dryRun }, timeout: ANSWER_LIMIT });
  for (const warning of report.warnings) process.stderr.write(`warning: ${warning}\n`);
  if (dryRun || options.wait === false) {
    printAnswer(options, { ...report, application: undefined }, () => formatChanges(report.changes));
    return;
  }
  using progress = createProgress(options.json === true);
  const application = await waitForOutcome(
    { what: `"${report.name}" to run`, limit: options.wait, show: (text) => progress.show(text) },
    async () => {
      const found = (await askAgent(socket, "apps", { timeout: ANSWER_LIMIT })).find(
        ({ name }) => name === report.name,
      );
      return { done: settled(report.name, found), text: found === undefined ? "" : formatUnfinished(found) };
    },
  );
  progress[Symbol.dispose]();
  printAnswer(options, { ...report, application }, () => formatDeployed(report));
}

/** @throws PetioleError ERR_CONFIG_UNREADABLE */
async function readManifest(file: string): Promise<ManifestFile> {
  try {
    if (file === "-") return { source: "standard input", folder: process.cwd(), text: await readText(process.stdin) };
    const source = resolve(file);
    return { source, folder: dirname(source), text: await readFile(source, "utf8") };
  } catch (cause) {
    throw new PetioleError("ERR_CONFIG_UNREADABLE", `Cannot read "${file}": ${reasonOf(cause)}`, { cause });
  }
}

/** @throws PetioleError ERR_APPLICATION_FAILED, ERR_APPLICATION_UNKNOWN when somebody took it away meanwhile */
function settled(name: string, status: ApplicationStatus | undefined): ApplicationStatus | undefined {
  if (status === undefined) {
    throw new PetioleError("ERR_APPLICATION_UNKNOWN", `Cannot wait for "${name}": it was undeployed meanwhile`);
  }
  if (status.state === "failed") {
    throw new PetioleError(
      "ERR_APPLICATION_FAILED",
      `"${name}" is deployed, and cannot run:\n${formatUnfinished(status)}`,
    );
  }
  return status.state === "deployed" ? status : undefined;
}

function formatDeployed({ name, version, outcome, changes }: DeployReport): string {
  const title = `${name}${version === undefined ? "" : ` ${version}`}`;
  if (outcome === "unchanged") return `${title} is deployed as it is: nothing changes`;
  return `${formatChanges(changes)}\n${title} is deployed and runs`;
}
