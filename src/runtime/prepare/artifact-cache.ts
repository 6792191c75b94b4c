// What was made of components, on disk: <folder>/<sha256 of the component>/<engine key>/. An entry appears whole, by a
// rename, and is checked whenever it is read; one that is damaged is removed and made again.

import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { Digest } from "../../domain/workload.ts";
import { isErrno, syncFolder } from "../../lib/files.ts";
import type { Logger } from "../../lib/log.ts";
import { GLUE_FILE } from "./child-protocol.ts";

export interface Artifacts {
  /** A script that evaluates to `instantiate`. */
  readonly glue: string;
  /** Core modules by the name that the glue asks for. */
  readonly modules: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

export interface ArtifactCache {
  /** Folder of the entry, whether it exists or not. */
  entry(digest: Digest): string;
  /** Undefined when there is no entry, or none that is intact. */
  load(digest: Digest): Promise<Artifacts | undefined>;
  /** Puts the files that `make` writes to the folder given to it, and names, in place of what there was. */
  store(digest: Digest, make: (folder: string) => Promise<readonly string[]>): Promise<Artifacts>;
}

export interface ArtifactCacheDeps {
  readonly folder: string;
  readonly engineKey: string;
  readonly log: Logger;
  /** Components whose artifacts are kept; of more, the longest unused go. */
  readonly maxComponents: number;
}

const MANIFEST = "manifest.json";
const WORK_PREFIX = ".work-";
const WORK_MAX_AGE = 60 * 60 * 1000;

const manifestSchema = z.strictObject({
  files: z.array(z.strictObject({ name: z.string().regex(/^[\w.-]+$/), size: z.int(), sha256: z.string() })).min(1),
});
type Manifest = z.infer<typeof manifestSchema>;

export function createArtifactCache(deps: ArtifactCacheDeps): ArtifactCache {
  const { folder, engineKey, log } = deps;
  const entry = (digest: Digest) => join(folder, digest.replace("sha256:", ""), engineKey);

  async function load(digest: Digest): Promise<Artifacts | undefined> {
    const path = entry(digest);
    try {
      const artifacts = await readEntry(path);
      await utimes(dirname(path), new Date(), new Date());
      return artifacts;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return undefined;
      log.warn("Cached artifacts are damaged and will be made again", { digest, err: error });
      return undefined;
    }
  }

  async function store(digest: Digest, make: (folder: string) => Promise<readonly string[]>): Promise<Artifacts> {
    const path = entry(digest);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const work = await mkdtemp(join(folder, WORK_PREFIX));
    try {
      const names = await make(work);
      const files = await Promise.all(names.map((name) => seal(join(work, name))));
      await writeSynced(join(work, MANIFEST), JSON.stringify({ files } satisfies Manifest));
      await syncFolder(work);
      const artifacts = await readEntry(work);
      // Entries for other engines are of no use after an upgrade, and a damaged one is in the way.
      await rm(dirname(path), { recursive: true, force: true });
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await rename(work, path);
      await syncFolder(dirname(path));
      await prune(deps, basename(dirname(path)));
      return artifacts;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }

  return { entry, load, store };
}

async function readEntry(path: string): Promise<Artifacts> {
  const manifest = manifestSchema.parse(JSON.parse(await readFile(join(path, MANIFEST), "utf8")));
  const modules = new Map<string, Uint8Array<ArrayBuffer>>();
  let glue: string | undefined;
  for (const { name, size, sha256 } of manifest.files) {
    const content = await readFile(join(path, name));
    if (content.byteLength !== size || digestOf(content) !== sha256) throw new Error(`"${name}" was changed`);
    if (name === GLUE_FILE) glue = content.toString("utf8");
    else modules.set(name, new Uint8Array(content));
  }
  if (glue === undefined) throw new Error(`"${GLUE_FILE}" is missing`);
  return { glue, modules };
}

async function seal(file: string): Promise<Manifest["files"][number]> {
  const content = await readFile(file);
  const handle = await open(file, "r+");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { name: basename(file), size: content.byteLength, sha256: digestOf(content) };
}

async function writeSynced(file: string, content: string): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function digestOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Removes the longest unused components beyond the bound, and what builds that never ended have left. */
async function prune({ folder, maxComponents }: ArtifactCacheDeps, keep: string): Promise<void> {
  const used: { readonly name: string; readonly at: number }[] = [];
  for (const name of await readdir(folder)) {
    const at = await stat(join(folder, name)).then(
      (found) => found.mtimeMs,
      () => undefined, // Another process removed it.
    );
    if (at === undefined || name === keep) continue;
    if (!name.startsWith(WORK_PREFIX)) used.push({ name, at });
    else if (Date.now() - at > WORK_MAX_AGE) await rm(join(folder, name), { recursive: true, force: true });
  }
  const surplus = used.sort((a, b) => b.at - a.at).slice(Math.max(0, maxComponents - 1));
  for (const { name } of surplus) await rm(join(folder, name), { recursive: true, force: true });
}
