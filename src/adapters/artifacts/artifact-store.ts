import { parseReference, type ArtifactReference } from "../../domain/artifact-reference.ts";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { millis, minutes, seconds, type Bytes, type Millis } from "../../domain/units.ts";
import type { ComponentId, Digest, LinkEnd } from "../../domain/workload.ts";
import type {
  Artifact,
  ArtifactKind,
  ArtifactRequest,
  Artifacts,
  FetchProgress,
  VerifyArtifact,
} from "../../host/ports.ts";
import type { BackoffOptions } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createExclusive, type Exclusive } from "../../lib/exclusive.ts";
import type { Logger } from "../../lib/log.ts";
import { createArtifactCache, keptOf } from "./artifact-cache.ts";
import { createCacheFolder, type CacheFolder, type StoredFile } from "./cache-folder.ts";
import type { ReferenceRecord } from "./cache-records.ts";
import { download } from "./download.ts";
import type { ArtifactSource, Resolution } from "./source.ts";

export interface ArtifactStoreDeps {
  /** Of this store alone. */
  readonly folder: string;
  /** Bytes that everything may take on disk. */
  readonly maxSize: Bytes;
  /** Bytes that one artifact may have. */
  readonly maxArtifact: Bytes;
  /** The same for an archive or executable of a provider; that of a component unless given. */
  readonly maxExecutable?: Bytes;
  /** How long a source may send nothing. */
  readonly stall: Millis;
  /** The component, or the provider, is whose it is, if anybody's: it may have credentials of its own. */
  readonly openSource: (reference: ArtifactReference, kind: ArtifactKind, whose: LinkEnd | undefined) => ArtifactSource;
  readonly verify: VerifyArtifact;
  readonly clock: Clock;
  readonly log: Logger;
  /** Pauses between tries of one download. */
  readonly backoff?: BackoffOptions;
}

export interface ArtifactStore extends Artifacts {
  list(): Promise<Inventory>;
  /** Removes what no component has, had before, or is getting; or says what it would remove. */
  prune(
    dryRun: boolean,
    signal: AbortSignal,
  ): Promise<{ readonly removed: readonly StoredFile[]; readonly left: number }>;
}

export interface Inventory {
  readonly folder: string;
  readonly bytes: number;
  readonly maxSize: Bytes;
  readonly artifacts: readonly InventoryItem[];
  /** Downloads that are not finished. */
  readonly parts: readonly StoredFile[];
}

export interface InventoryItem extends StoredFile {
  readonly file: string;
  /** It is not removed to make room. */
  readonly kept: boolean;
  readonly references: readonly { readonly reference: string; readonly digest: Digest; readonly resolvedAt: number }[];
  readonly components: readonly { readonly component: ComponentId; readonly role: "current" | "previous" | "next" }[];
}

const PROGRESS_PAUSE = seconds(10);
/** That a tag is where it was is not written down more often: flash wears. */
const NOTED_AGAIN = minutes(60);

/** The folder is made when the first artifact is fetched. */
export function createArtifactStore(deps: ArtifactStoreDeps): ArtifactStore {
  const { maxSize, maxArtifact, maxExecutable = maxArtifact, openSource, verify, clock, log } = deps;
  const folder = createCacheFolder(deps.folder);
  const cache = createArtifactCache({ folder, maxSize, clock, log });
  const turns = new Map<Digest, Exclusive>();
  let made: Promise<void> | undefined;

  async function makeFolder(): Promise<void> {
    made ??= folder.make().then(() => folder.removeLeftovers());
    // A folder that cannot be made now may be another time.
    await made.catch((error: unknown) => {
      made = undefined;
      throw error;
    });
  }

  /** Who needs what is written down for those who make room. A component does not wait for a disk that takes nothing. */
  async function note(what: Promise<void>, { reference, component }: ArtifactRequest): Promise<void> {
    await what.catch((error: unknown) => {
      if (!isPetioleError(error, "ERR_ARTIFACT_DISK")) throw error;
      log.warn("It cannot be written down that an artifact is needed", { reference, component, reason: error.message });
    });
  }

  /** The artifact, if it is on the disk and trusted. */
  async function use(
    request: ArtifactRequest,
    resolution: Resolution,
    signal: AbortSignal,
  ): Promise<Artifact | undefined> {
    const { reference, component } = request;
    const { digest, manifest, content, annotations, size } = resolution;
    if (component !== undefined) await note(cache.reserve(component, content, signal), request);
    const state = await folder.isIntact(content, signal);
    if (state === "damaged") {
      log.warn("Artifact was damaged on the disk and is removed", { reference, content });
      await folder.removeBlob(content);
    }
    if (state !== "intact") return undefined;
    const artifact: Artifact = { reference, digest, content, file: folder.blobFile(content), size };
    await verify({ ...artifact, manifest, annotations, component }, signal);
    if (component !== undefined) await note(cache.adopt(component, { reference, digest, content }, signal), request);
    return artifact;
  }

  async function receive(
    request: ArtifactRequest,
    source: ArtifactSource,
    resolution: Resolution,
    signal: AbortSignal,
    onProgress: ((progress: FetchProgress) => void) | undefined,
  ): Promise<void> {
    const { reference, component } = request;
    const { content, size } = resolution;
    await cache.makeRoom(reference, size, signal);
    using _lock = await cache.holdDownloads(signal);
    // Another process may have brought it while this one waited.
    if ((await folder.isIntact(content, signal)) === "intact") return;
    const started = clock.monotonic();
    let told = started;
    log.info("Artifact is fetched", { reference, component, digest: resolution.digest, content, size });
    const { received, resumedFrom } = await download(
      {
        name: reference,
        kind: request.kind,
        digest: content,
        size,
        part: folder.partFile(content),
        file: folder.blobFile(content),
        open: (offset, signal) => source.open(resolution, offset, signal),
        stall: millis(deps.stall * (source.patience ?? 1)),
        onProgress: (bytes) => {
          onProgress?.({ bytes, total: size });
          if (clock.monotonic() - told < PROGRESS_PAUSE) return;
          told = clock.monotonic();
          log.info("Artifact is being fetched", { reference, component, bytes, size });
        },
        clock,
        ...(deps.backoff === undefined ? {} : { backoff: deps.backoff }),
      },
      signal,
    );
    log.info("Artifact was fetched", {
      reference,
      component,
      content,
      size,
      received,
      resumedFrom,
      ms: Math.round(clock.monotonic() - started),
    });
  }

  /** Two that want the same bytes do not fetch them twice. */
  function inTurn<T>(content: Digest, task: () => Promise<T>): Promise<T> {
    const turn = turns.get(content) ?? createExclusive();
    turns.set(content, turn);
    return turn.run(task);
  }

  return {
    async recall(request, signal) {
      const record = await findRecord(folder, request);
      return record === undefined ? undefined : await use(request, record.resolution, signal);
    },

    async fetch(request, signal, onProgress) {
      const { reference, kind = "component" } = request;
      const parsed = requireReference(reference);
      await using source = openSource(parsed, kind, request.component);
      const known = await folder.reference(reference);
      const resolution = await source.resolve(known?.resolution, signal);
      checkResolution(request, resolution, kind === "component" ? maxArtifact : maxExecutable);
      await makeFolder();
      const artifact = await inTurn(resolution.content, async () => {
        const found = await use(request, resolution, signal);
        if (found !== undefined) return found;
        await receive(request, source, resolution, signal, onProgress);
        return await use(request, resolution, signal);
      });
      if (artifact === undefined) {
        const lost = `Cannot use "${reference}": the disk does not give back what was written to it`;
        throw new PetioleError("ERR_ARTIFACT_DISK", lost);
      }
      if (known?.resolution !== resolution || clock.wall() - known.resolvedAt > NOTED_AGAIN) {
        await folder.writeReference({ reference, resolution, resolvedAt: clock.wall() });
      }
      return artifact;
    },

    retain: (components) => cache.retain(components, new AbortController().signal),

    async list() {
      const [blobs, parts, references, uses] = await Promise.all([
        folder.blobs(),
        folder.parts(),
        folder.references(),
        folder.uses(),
      ]);
      const kept = keptOf(uses);
      return {
        folder: folder.root,
        bytes: [...blobs, ...parts].reduce((sum, { size }) => sum + size, 0),
        maxSize,
        parts,
        artifacts: blobs.map((blob) => ({
          ...blob,
          file: folder.blobFile(blob.content),
          kept: kept.has(blob.content),
          references: references
            .filter(({ resolution }) => resolution.content === blob.content)
            .map(({ reference, resolution, resolvedAt }) => ({ reference, digest: resolution.digest, resolvedAt })),
          components: uses.flatMap(({ component, current, previous, next }) => [
            ...(current?.content === blob.content ? [{ component, role: "current" as const }] : []),
            ...(previous?.content === blob.content ? [{ component, role: "previous" as const }] : []),
            ...(next === blob.content ? [{ component, role: "next" as const }] : []),
          ]),
        })),
      };
    },

    async prune(dryRun, signal) {
      const { blobs, parts, left } = await cache.prune(dryRun, signal);
      return { removed: [...blobs, ...parts], left };
    },
  };
}

/** @throws PetioleError ERR_ARTIFACT_REFERENCE */
export function requireReference(text: string): ArtifactReference {
  const parsed = parseReference(text);
  if ("reference" in parsed) return parsed.reference;
  throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot use the reference "${text}": ${parsed.fault}`);
}

/** @throws PetioleError ERR_COMPONENT_DIGEST, ERR_ARTIFACT_TOO_LARGE */
function checkResolution({ reference, want }: ArtifactRequest, { content, size }: Resolution, max: Bytes): void {
  if (want !== undefined && content !== want) {
    throw new PetioleError("ERR_COMPONENT_DIGEST", `Cannot use "${reference}": found ${content}, want ${want}`);
  }
  if (size > max) {
    const found = `Cannot use "${reference}": it has ${size} bytes, want at most ${max}`;
    throw new PetioleError("ERR_ARTIFACT_TOO_LARGE", found);
  }
}

/** What is known of a reference: what it stood for last, or for a digest, what another reference to it stood for. */
async function findRecord(
  folder: CacheFolder,
  { reference, want }: ArtifactRequest,
): Promise<ReferenceRecord | undefined> {
  const fits = (record: ReferenceRecord | undefined): boolean =>
    record !== undefined && (want === undefined || record.resolution.content === want);
  const own = await folder.reference(reference);
  if (fits(own)) return own;
  const parsed = requireReference(reference);
  if (parsed.kind !== "oci" || parsed.digest === undefined) return undefined;
  const { registry, repository, digest } = parsed;
  return (await folder.references()).find((record) => {
    const other = parseReference(record.reference);
    if (!("reference" in other) || other.reference.kind !== "oci") return false;
    const same = other.reference.registry === registry && other.reference.repository === repository;
    return same && record.resolution.digest === digest && fits(record);
  });
}
