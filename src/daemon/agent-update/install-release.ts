import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import type { ArtifactSource } from "../../adapters/artifacts/source.ts";
import { download } from "../../adapters/artifacts/download.ts";
import type { AgentFolder } from "../../adapters/versions/agent-folder.ts";
import { formatReference, type ArtifactReference } from "../../domain/artifact-reference.ts";
import { PetioleError, type ErrorCode } from "../../domain/errors.ts";
import type { UpdateAnswer } from "../../domain/release.ts";
import { millis, type Millis } from "../../domain/units.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import { readReleaseHead, unpackRelease } from "../../lib/release-file.ts";
import type { Statement } from "../../trust/statement.ts";
import { judgeRelease, refuseVersion, type ReleaseCircumstances } from "./judge-release.ts";
import type { TrustPolicy } from "../../trust/judge.ts";
import { askPreflight } from "./preflight.ts";

export interface InstallDeps {
  readonly folder: AgentFolder;
  readonly policy: TrustPolicy;
  readonly circumstances: ReleaseCircumstances;
  /** What to go back to; undefined stands for the packaged version. */
  readonly before: string | undefined;
  /** The configuration file, which the new version has to take. */
  readonly config: string;
  readonly openSource: (reference: ArtifactReference) => ArtifactSource;
  readonly stall: Millis;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told before the new version becomes the current one. */
  readonly onActivate: (statement: Statement) => Promise<void>;
}

export interface InstallRequest {
  readonly from: { readonly reference: ArtifactReference } | { readonly file: string };
  readonly dryRun: boolean;
  /** What the release has to be; anything unless given. */
  readonly version?: string | undefined;
  readonly onProgress?: ((progress: { readonly bytes: number; readonly total: number }) => void) | undefined;
}

/** A release is smaller than what is in it, which has a limit of its own. */
const MAX_RELEASE = 1024 ** 3;
/** What a release itself is not to blame for. */
const PASSING: readonly ErrorCode[] = ["ERR_ARTIFACT_DISK", "ERR_TRUST_CLOCK", "ERR_TRUST_EARLY"];

/**
 * Fetches, verifies, unpacks and tries a release, and makes it the current version, on trial. Nothing runs differently
 * before the next start.
 * @throws PetioleError of what speaks against it; nothing was changed then
 */
export async function installRelease(
  deps: InstallDeps,
  request: InstallRequest,
  signal: AbortSignal,
): Promise<UpdateAnswer> {
  const { folder, log } = deps;
  // A card is small: what came to nothing does not stay on it.
  const clear = (keepFetched: boolean): Promise<void> =>
    folder.clear({ keepFetched }).catch((error: unknown) => {
      log.warn("What was left of an update cannot be removed", { reason: reasonOf(error) });
    });
  try {
    const answer = await tryInstall(deps, request, signal);
    if (answer.outcome !== "started") await clear(false);
    return answer;
  } catch (error) {
    // What is wanted is tried again for as long as it takes, and need not be fetched again each time.
    await clear(request.version !== undefined && error instanceof PetioleError && PASSING.includes(error.code));
    throw error;
  }
}

async function tryInstall(
  deps: InstallDeps,
  { from, dryRun, version: wanted, onProgress }: InstallRequest,
  signal: AbortSignal,
): Promise<UpdateAnswer> {
  const { folder, policy, circumstances, before, config, log } = deps;
  const name = "file" in from ? "what was handed over" : formatReference(from.reference);
  // Known before it is fetched, with every start of the agent.
  if (wanted !== undefined) refuseVersion(name, wanted, circumstances, policy);
  const file = "file" in from ? from.file : await bring(deps, from.reference, onProgress, signal);
  const { statement: text, offset } = await readReleaseHead(file);
  const { statement, signers } = judgeRelease(name, text, policy, circumstances);
  const { version, digest, size } = statement;
  if (wanted !== undefined && wanted !== version) {
    throw new PetioleError("ERR_RELEASE_INVALID", `Cannot use the release "${name}": it is ${version}, want ${wanted}`);
  }
  const answer = { from: circumstances.running, to: version, digest, size, signers };
  if (version === circumstances.running) return { ...answer, outcome: "current" };
  const chunks = unpackRelease(file, offset, signal);
  if (dryRun) {
    await folder.needRoom(size);
    await checkContent(name, chunks, statement);
    return { ...answer, outcome: "would-start" };
  }
  log.info("A new version of petiole is unpacked", { version, size, signers });
  const executable = await folder.stage({ digest, size, chunks, statement: text });
  await askPreflight(executable, { version, config, signal });
  // What is fetched goes as soon as it is not needed: a card is small.
  await rm(folder.incoming, { force: true });
  await deps.onActivate(statement);
  signal.throwIfAborted();
  await folder.activate(version, before);
  return { ...answer, outcome: "started" };
}

/** The file of a release, in the agent's folder unless it is a file of the device. */
async function bring(
  { folder, openSource, stall, clock }: InstallDeps,
  reference: ArtifactReference,
  onProgress: InstallRequest["onProgress"],
  signal: AbortSignal,
): Promise<string> {
  if (reference.kind === "file") return reference.path;
  const name = formatReference(reference);
  await using source = openSource(reference);
  const resolution = await source.resolve(undefined, signal);
  const { content, size } = resolution;
  if (size > MAX_RELEASE) {
    const text = `Cannot fetch "${name}": it has ${size} bytes, want at most ${MAX_RELEASE}`;
    throw new PetioleError("ERR_ARTIFACT_TOO_LARGE", text);
  }
  await folder.needRoom(size);
  await download(
    {
      name,
      kind: "executable",
      digest: content,
      size,
      part: folder.incomingPart,
      file: folder.incoming,
      open: (offset, signal) => source.open(resolution, offset, signal),
      stall: millis(stall * (source.patience ?? 1)),
      onProgress: (bytes) => onProgress?.({ bytes, total: size }),
      clock,
    },
    signal,
  );
  return folder.incoming;
}

async function checkContent(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
  { digest, size }: Statement,
): Promise<void> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.byteLength;
    if (length > size) break;
    hash.update(chunk);
  }
  const found = `sha256:${hash.digest("hex")}`;
  if (found === digest && length === size) return;
  const text = `Cannot use the release "${name}": its executable is ${found}, its statement is for ${digest}`;
  throw new PetioleError("ERR_RELEASE_INVALID", text);
}
