// What the device keeps of the applications that it was given. Pure.

import { resolve } from "node:path";
import { z } from "zod";
import type { Manifest } from "../oam/manifest.ts";

const application = z.object({
  /** What the manifest is called in messages. */
  source: z.string(),
  /** Where its relative paths start. */
  folder: z.string(),
  text: z.string(),
  /** Of the files that it names as images, by these: what they were when it was deployed. */
  digests: z.record(z.string(), z.string()).default({}),
});
const record = z.object({ applications: z.array(application) });

export type StoredApplication = Readonly<z.infer<typeof application>>;

/** Undefined for what cannot be a record. */
export function parseApplications(text: string): readonly StoredApplication[] | undefined {
  try {
    const result = record.safeParse(JSON.parse(text));
    return result.success ? result.data.applications : undefined;
  } catch {
    return undefined;
  }
}

export const formatApplications = (applications: readonly StoredApplication[]): string =>
  JSON.stringify({ applications });

const FILE = "file://";

/** Paths of the files that a manifest names as images, by these. */
export const filesOf = ({ components }: Manifest): ReadonlyMap<string, string> =>
  new Map(
    components.flatMap(({ kind, origin: { image } }) =>
      kind === "component" && image?.startsWith(FILE) === true ? [[image, image.slice(FILE.length)] as const] : [],
    ),
  );

/** Whether a file has other bytes in one than in the other; one that was not there before is no other. */
export const haveOtherFiles = (before: StoredApplication, after: StoredApplication): boolean =>
  Object.entries(after.digests).some(([image, digest]) => (before.digests[image] ?? digest) !== digest);

/** With the paths of `file://` images absolute: where the agent runs has no part in what the manifest means. */
export function withAbsoluteFiles(manifest: Manifest, folder: string): Manifest {
  return {
    ...manifest,
    components: manifest.components.map((component) => {
      const { image } = component.origin;
      if (image === undefined || !image.startsWith(FILE)) return component;
      return { ...component, origin: { image: `${FILE}${resolve(folder, image.slice(FILE.length))}` } };
    }),
  };
}
