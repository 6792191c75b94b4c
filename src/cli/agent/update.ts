import { open } from "node:fs/promises";
import { askAgent } from "../../adapters/control/client.ts";
import { parseReference } from "../../domain/artifact-reference.ts";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { AgentVersions, UpdateAnswer } from "../../domain/release.ts";
import { millis, minutes, seconds } from "../../domain/units.ts";
import { systemClock } from "../../lib/clock.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { createProgress, type Progress } from "../progress.ts";
import { formatBytes } from "../table.ts";

export interface UpdateOptions extends AgentOptions {
  readonly dryRun?: true;
  readonly allowDowngrade?: true;
  readonly again?: true;
  readonly wait?: true;
}

export interface RollbackOptions extends AgentOptions {
  readonly dryRun?: true;
}

/** Unpacking to a card, and the first start of a large executable, take their time. */
const PATIENCE = minutes(10);
const PIECE = 1024 * 1024;
/** Longer than any trial that a configuration is likely to ask for. */
const LONGEST_TRIAL = minutes(60);

/** `petiole agent update` */
export async function agentUpdate(release: string, options: UpdateOptions): Promise<void> {
  const socket = await socketOf(options);
  using progress = createProgress(options.json === true);
  const reference = await referenceOf(release);
  if (reference === undefined) await upload(socket, release, progress);
  const { dryRun = false, allowDowngrade = false, again = false } = options;
  progress.show(`Checking ${release}`);
  const answer = await askAgent(socket, "agent-update", {
    params: { ...(reference !== undefined && { reference }), dryRun, allowDowngrade, again },
    timeout: PATIENCE,
    onProgress: ({ bytes, total }) =>
      progress.show(`Fetching ${release}: ${formatBytes(bytes)} of ${formatBytes(total)}`),
  });
  if (options.wait === true && answer.outcome === "started") await untilProved(socket, answer, progress);
  progress[Symbol.dispose]();
  printAnswer(options, answer, (one) => formatUpdate(one, options.wait === true));
}

/** `petiole agent rollback` */
export async function agentRollback(options: RollbackOptions): Promise<void> {
  const { dryRun = false } = options;
  const answer = await askAgent(await socketOf(options), "agent-rollback", {
    params: { dryRun },
    timeout: seconds(30),
  });
  printAnswer(options, { ...answer, dryRun }, ({ from, to = "the packaged version" }) =>
    dryRun ? `would go back from ${from} to ${to}; nothing was changed` : `the agent goes back from ${from} to ${to}`,
  );
}

/** Undefined for a file on this side of the socket. */
async function referenceOf(text: string): Promise<string | undefined> {
  if (/^[a-z][a-z-]*:\/\//.test(text)) {
    const parsed = parseReference(text);
    if ("reference" in parsed) return text;
    throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot use the reference: ${parsed.fault}`);
  }
  return undefined;
}

async function upload(socket: string, file: string, progress: Progress): Promise<void> {
  await using handle = await open(file, "r").catch((cause: unknown) => {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the release "${file}": ${reasonOf(cause)}`, { cause });
  });
  const { size: total } = await handle.stat();
  const piece = Buffer.alloc(PIECE);
  for (let offset = 0; offset === 0 || offset < total;) {
    const { bytesRead } = await handle.read(piece, 0, PIECE, offset);
    if (bytesRead === 0)
      throw new PetioleError("ERR_RELEASE_INVALID", `Cannot read the release "${file}": it is empty`);
    const data = piece.toString("base64", 0, bytesRead);
    await askAgent(socket, "agent-upload", { params: { offset, total, data }, timeout: seconds(60) });
    offset += bytesRead;
    progress.show(`Handing over ${file}: ${formatBytes(offset)} of ${formatBytes(total)}`);
  }
}

/** @throws PetioleError ERR_AGENT_UPDATE_FAILED when the old version runs again, or nobody answers any more */
async function untilProved(socket: string, { from, to }: UpdateAnswer, progress: Progress): Promise<void> {
  const end = performance.now() + LONGEST_TRIAL;
  let last = "nobody answers";
  while (performance.now() < end) {
    await pause();
    const versions = await versionsOf(socket);
    const mark = versions?.bad.find(({ version }) => version === to);
    if (mark !== undefined && versions?.running !== to) {
      const text = `Version ${to} did not prove itself, ${versions?.running} runs: ${mark.reason}`;
      throw new PetioleError("ERR_AGENT_UPDATE_FAILED", text);
    }
    if (versions?.running === to && versions.trial === undefined) return;
    if (versions?.running === to) last = `on trial: ${versions.trial?.waitsFor}`;
    progress.show(`From ${from} to ${to}: ${last}`);
  }
  throw new PetioleError("ERR_AGENT_UPDATE_FAILED", `Version ${to} did not prove itself in an hour: ${last}`);
}

/** A timer that keeps the process alive, unlike that of the clock. */
async function pause(): Promise<void> {
  const alive = setInterval(() => {}, 60_000);
  await systemClock.sleep(millis(500));
  clearInterval(alive);
}

/** Undefined while the agent starts. */
async function versionsOf(socket: string): Promise<AgentVersions | undefined> {
  try {
    return await askAgent(socket, "agent-versions");
  } catch (error) {
    if (isPetioleError(error, "ERR_CONTROL_UNREACHABLE")) return undefined;
    throw error;
  }
}

function formatUpdate({ from, to, size, signers, outcome }: UpdateAnswer, waited: boolean): string {
  const what = `version ${to}, ${formatBytes(size)}, signed by ${signers.join(", ")}`;
  if (outcome === "current") return `${what}: it runs already`;
  if (outcome === "would-start") return `${what}: would take over from ${from}; nothing was changed`;
  if (waited) return `${what}: it took over from ${from}, and has proved itself`;
  return `${what}: it takes over from ${from}, on trial; petiole agent versions says how that goes`;
}
