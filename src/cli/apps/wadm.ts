// Applications of a whole lattice: wadm keeps them and gives their parts to hosts.

import { isDeepStrictEqual } from "node:util";
import { connectWadm, type WadmClient, type WadmStatus } from "../../adapters/lattice/wasmcloud/wadm-client.ts";
import type { ApplicationChange } from "../../domain/application.ts";
import { PetioleError } from "../../domain/errors.ts";
import { seconds } from "../../domain/units.ts";
import { latticeChanges } from "../../oam/changes.ts";
import type { Manifest } from "../../oam/manifest.ts";
import { parseManifest, type ParsedManifest } from "../../oam/parse.ts";
import { printAnswer } from "../agent-socket.ts";
import { checkServer } from "../lattice/options.ts";
import { createProgress } from "../progress.ts";
import type { ManifestFile } from "./deploy.ts";
import type { AppOptions, ChangeOptions } from "./options.ts";
import { formatChanges, formatSummaries, formatWadmStatus } from "./text.ts";
import type { RemoveOptions } from "./undeploy.ts";
import { waitForOutcome } from "./wait.ts";

async function withWadm<T>(options: AppOptions, work: (wadm: WadmClient) => Promise<T>): Promise<T> {
  const { nats: server, creds: credentials, latticeName: lattice, timeout } = options;
  checkServer(server);
  await using wadm = await connectWadm({ server, credentials, lattice, timeout });
  return await work(wadm);
}

/** What wadm keeps of an application. */
interface Known {
  /** The version that is to be deployed, when wadm has it already. */
  readonly stored: string | undefined;
  readonly deployed: Manifest | undefined;
}

/** `petiole deploy --lattice` */
export async function deployToLattice({ text, source }: ManifestFile, options: ChangeOptions): Promise<void> {
  const parsed = parseManifest(text, source);
  const { manifest, warnings } = parsed;
  const { name } = manifest;
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  await withWadm(options, async (wadm) => {
    const known = await lookUp(wadm, parsed);
    const changes = latticeChanges(known.deployed, manifest);
    if (options.dryRun === true) {
      printAnswer(options, { name, version: manifest.version, changes, dryRun: true }, () => formatChanges(changes));
      return;
    }
    const version = known.stored ?? (await wadm.put(text)).version;
    // Of the version of before, which may be called deployed for a moment longer.
    const old =
      known.deployed === undefined || known.deployed.version === version ? undefined : await wadm.status(name);
    if (!(await wadm.deploy(name, version))) throw unknown(name);
    const status = await waitUntil(wadm, name, "deployed", options, old);
    const report = { name, version, changes, dryRun: false, status };
    printAnswer(options, report, () => formatDone(changes, `${name} ${version} is deployed`, status));
  });
}

/** wadm takes each version once: one that it has is not put again. */
async function lookUp(wadm: WadmClient, { manifest, invalid }: ParsedManifest): Promise<Known> {
  const { name, version } = manifest;
  const versions = await wadm.versions(name);
  const deployedVersion = versions.find(({ deployed }) => deployed)?.version;
  const deployed = deployedVersion === undefined ? undefined : await manifestOf(wadm, name, deployedVersion);
  const newest = await manifestOf(wadm, name);
  if (version === undefined) {
    const isSame = newest !== undefined && isDeepStrictEqual(withoutVersion(newest), withoutVersion(manifest));
    return { stored: isSame ? newest.version : undefined, deployed };
  }
  if (!versions.some((one) => one.version === version)) return { stored: undefined, deployed };
  const stored = await manifestOf(wadm, name, version);
  if (stored === undefined || isDeepStrictEqual(stored, manifest)) return { stored: version, deployed };
  const message = `wadm has "${version}" with other contents: give this one another version`;
  throw invalid([{ path: ["metadata", "annotations", "version"], message }]);
}

async function manifestOf(wadm: WadmClient, name: string, version?: string): Promise<Manifest | undefined> {
  const found = await wadm.manifest(name, version);
  return found === undefined ? undefined : parseManifest(JSON.stringify(completed(found)), `${name} of wadm`).manifest;
}

/** wadm leaves out what is empty, also where it wants it. */
function completed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(completed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    key === "spread" && Array.isArray(inner)
      ? inner.map((one: object) => ({ requirements: {}, ...one }))
      : completed(inner),
  ]);
  return Object.fromEntries(entries);
}

function withoutVersion(manifest: Manifest): Manifest {
  const { version: _, ...annotations } = manifest.annotations;
  return { ...manifest, version: undefined, annotations };
}

/** `petiole undeploy --lattice` */
export async function undeployFromLattice(name: string, options: RemoveOptions): Promise<void> {
  await withWadm(options, async (wadm) => {
    const versions = await wadm.versions(name);
    if (versions.length === 0) throw unknown(name);
    const version = versions.find(({ deployed }) => deployed)?.version;
    const before = version === undefined ? undefined : await manifestOf(wadm, name, version);
    const changes = latticeChanges(before, undefined);
    const dryRun = options.dryRun === true;
    let status: WadmStatus | undefined;
    if (!dryRun) {
      if (!(await wadm.undeploy(name))) throw unknown(name);
      status = await waitUntil(wadm, name, "undeployed", options);
      if (options.keep !== true) await wadm.remove(name);
    }
    printAnswer(options, { name, version, changes, dryRun }, () =>
      dryRun ? formatChanges(changes) : formatDone(changes, `${name} is undeployed`, status),
    );
  });
}

/** `petiole apps --lattice` */
export async function latticeApps(name: string | undefined, options: AppOptions): Promise<void> {
  await withWadm(options, async (wadm) => {
    const applications = (await wadm.list()).filter((one) => name === undefined || one.name === name);
    if (name !== undefined && applications.length === 0) throw unknown(name);
    printAnswer(options, { applications }, () => formatSummaries(applications));
  });
}

/** A state that wadm has told no other of for so long is not the one of before any more. */
const SETTLED = seconds(5);

async function waitUntil(
  wadm: WadmClient,
  name: string,
  wanted: "deployed" | "undeployed",
  options: ChangeOptions,
  old?: WadmStatus,
): Promise<WadmStatus | undefined> {
  if (options.wait === false) return undefined;
  using progress = createProgress(options.json === true);
  const begun = performance.now();
  let isOld = old !== undefined;
  const wait = { what: `"${name}" to be ${wanted}`, limit: options.wait, show: (text: string) => progress.show(text) };
  return await waitForOutcome(wait, async () => {
    const status = await wadm.status(name);
    if (status === undefined) throw unknown(name);
    isOld &&= isDeepStrictEqual(status, old) && performance.now() - begun < SETTLED;
    const text = `${name} is ${formatWadmStatus(status)}`;
    if (!isOld && status.status.type === "failed" && wanted === "deployed") {
      throw new PetioleError("ERR_APPLICATION_FAILED", `wadm cannot deploy "${name}":\n${text}`);
    }
    return { done: !isOld && status.status.type === wanted ? status : undefined, text };
  });
}

const formatDone = (changes: readonly ApplicationChange[], title: string, status: WadmStatus | undefined): string =>
  `${formatChanges(changes)}\n${title}${status === undefined ? "; wadm is at it" : ""}`;

const unknown = (name: string): PetioleError =>
  new PetioleError("ERR_APPLICATION_UNKNOWN", `Cannot find "${name}": wadm knows no application of this name`);
