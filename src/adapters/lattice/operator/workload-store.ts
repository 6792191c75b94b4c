import { z } from "zod";
import type { StateStore } from "../../../host/ports.ts";
import { createExclusive } from "../../../lib/exclusive.ts";
import type { Logger } from "../../../lib/log.ts";
import { shortHash, type ResolvedImage } from "./translate.ts";
import { workloadSchema, type Workload } from "./wire.ts";

/** What the operator asked for, and what its images turned out to be. */
export interface StoredWorkload {
  readonly id: string;
  readonly workload: Workload;
  /** One for each component; undefined until all of them are on the device. */
  readonly images: readonly ResolvedImage[] | undefined;
}

export interface WorkloadStore {
  load(): Promise<StoredWorkload[]>;
  /** Resolves once it is on disk. @throws PetioleError ERR_STORE_FAILED */
  save(stored: StoredWorkload): Promise<void>;
  remove(id: string): Promise<void>;
}

const INDEX = "operator-workloads";

const stored = z.object({
  id: z.string().min(1),
  workload: workloadSchema,
  images: z
    .array(z.object({ content: z.string(), imports: z.array(z.string()), exports: z.array(z.string()) }))
    .optional()
    .transform((value) => value),
});

/** Each workload is a text of its own, as one may be large and they change one at a time. */
export function createWorkloadStore(state: StateStore, log: Logger): WorkloadStore {
  let ids: readonly string[] = [];
  const nameOf = (id: string): string => `operator-workload:${shortHash(id)}`;
  const turns = createExclusive();
  const saving = new Map<string, Promise<void>>();
  let queued: Promise<void> | undefined;

  /** Several changes are one write. */
  function saveIndex(): Promise<void> {
    queued ??= turns.run(async () => {
      queued = undefined;
      await state.save(INDEX, ids.length === 0 ? undefined : JSON.stringify(ids));
    });
    return queued;
  }

  return {
    async load() {
      ids = parse(z.array(z.string()), await state.load(INDEX)) ?? [];
      const found: StoredWorkload[] = [];
      for (const id of ids) {
        const one = parse(stored, await state.load(nameOf(id)));
        if (one === undefined || one.id !== id)
          log.error("A stored workload cannot be read and is left out", { workload: id });
        else found.push({ id, workload: one.workload, images: one.images });
      }
      ids = found.map(({ id }) => id);
      return found;
    },

    // What the index names is there: a text is written before its name, and goes after it.
    async save(one) {
      const written = state.save(nameOf(one.id), JSON.stringify(one)).then(async () => {
        if (ids.includes(one.id)) return;
        ids = [...ids, one.id];
        await saveIndex();
      });
      saving.set(one.id, written);
      await written;
    },

    async remove(id) {
      await saving.get(id)?.catch(() => {});
      saving.delete(id);
      if (!ids.includes(id)) return;
      ids = ids.filter((other) => other !== id);
      await saveIndex();
      await state.save(nameOf(id), undefined);
    },
  };
}

function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | undefined {
  if (text === undefined) return undefined;
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : undefined;
  } catch {
    return undefined;
  }
}
