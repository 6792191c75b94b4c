import { statfs } from "node:fs/promises";
import { PetioleError } from "../../domain/errors.ts";
import { mebibytes, type Bytes } from "../../domain/units.ts";
import type { ComponentId, Digest } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { onDisk, type CacheFolder } from "./cache-folder.ts";
import type { Holding, UseRecord } from "./cache-records.ts";
import { createFolderLock } from "./folder-lock.ts";
import { planEviction, type Eviction } from "./plan-eviction.ts";

export interface CacheDeps {
  readonly folder: CacheFolder;
  readonly maxSize: Bytes;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Free space that artifacts leave to others on the disk: the outbox may be there too. */
const RESERVE = mebibytes(16);

/** What is kept of artifacts, within its bounds, and who needs it. */
export function createArtifactCache({ folder, maxSize, clock, log }: CacheDeps) {
  // Who needs something says so before looking whether it is there, and what is not needed goes under this lock: so
  // nothing goes between the two.
  const needs = createFolderLock(folder.root, "needs.lock", clock);
  const downloads = createFolderLock(folder.root, "downloads.lock", clock);

  async function plan(room: number): Promise<Eviction> {
    const [blobs, parts, uses] = await Promise.all([folder.blobs(), folder.parts(), folder.uses()]);
    return planEviction({ blobs, parts, kept: keptOf(uses), room, now: clock.wall() });
  }

  async function remove({ blobs, parts }: Eviction): Promise<void> {
    for (const { content } of parts) await folder.removePart(content);
    for (const { content } of blobs) await folder.removeBlob(content);
    if (blobs.length === 0) return;
    const gone = new Set(blobs.map(({ content }) => content));
    for (const { reference, resolution } of await folder.references()) {
      if (gone.has(resolution.content)) await folder.removeReference(reference);
    }
  }

  async function change(
    component: ComponentId,
    signal: AbortSignal,
    next: (record: UseRecord) => UseRecord,
  ): Promise<void> {
    const before = (await folder.use(component)) ?? { component };
    const after = next(before);
    // Most starts change nothing, and flash wears.
    if (JSON.stringify(after) === JSON.stringify(before)) return;
    using _lock = await needs.hold(signal);
    await folder.writeUse(after);
  }

  return {
    /** While it is held, no other process writes parts. */
    holdDownloads: (signal: AbortSignal) => downloads.hold(signal),

    /** Keeps `content` from now on, beside what the component has. */
    reserve: (component: ComponentId, content: Digest, signal: AbortSignal) =>
      change(component, signal, (record) => {
        if (record.current?.content === content || record.previous?.content === content) return record;
        return { ...record, next: content };
      }),

    /** The component has this now; what it had becomes what it had before. */
    adopt: (component: ComponentId, holding: Holding, signal: AbortSignal) =>
      change(component, signal, ({ current, previous }) => ({
        component,
        current: holding,
        ...(current === undefined || current.content === holding.content
          ? previous === undefined
            ? {}
            : { previous }
          : { previous: current }),
      })),

    async retain(components: readonly ComponentId[], signal: AbortSignal): Promise<void> {
      const wanted = new Set(components);
      const gone = (await folder.uses()).filter(({ component }) => !wanted.has(component));
      if (gone.length === 0) return;
      using _lock = await needs.hold(signal);
      for (const { component } of gone) await folder.removeUse(component);
    },

    /**
     * Makes room for `size` more bytes.
     * @throws PetioleError ERR_ARTIFACT_DISK when there is none on the disk
     */
    async makeRoom(name: string, size: number, signal: AbortSignal): Promise<void> {
      const free = (): Promise<number> => onDisk(folder.root, () => freeBytes(folder.root));
      using _lock = await needs.hold(signal);
      // Of a nearly full disk, artifacts may take only what they have and what is free.
      const there = (await plan(Infinity)).left;
      const room = Math.min(maxSize, there + (await free()) - RESERVE) - size;
      const eviction = await plan(room);
      await remove(eviction);
      const removed = eviction.blobs.length + eviction.parts.length;
      if (removed > 0) log.info("Artifacts were removed to make room", { removed, left: eviction.left });
      if (eviction.left + size > maxSize) {
        log.warn("Artifacts in use take more than they may", { left: eviction.left, size, maxSize });
      }
      const now = await free();
      if (now >= size + RESERVE) return;
      const found = `it needs ${size} bytes beside the ${RESERVE} that are left to others, and ${now} are free`;
      throw new PetioleError("ERR_ARTIFACT_DISK", `Cannot keep "${name}" in "${folder.root}": ${found}`);
    },

    /** Removes everything that no component has, had before, or is getting. */
    async prune(dryRun: boolean, signal: AbortSignal): Promise<Eviction> {
      using _lock = await needs.hold(signal);
      const eviction = await plan(0);
      if (!dryRun) await remove(eviction);
      return eviction;
    },
  };
}

export function keptOf(uses: readonly UseRecord[]): ReadonlySet<Digest> {
  const contents = uses.flatMap(({ current, previous, next }) => [current?.content, previous?.content, next]);
  return new Set(contents.filter((content) => content !== undefined));
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}
