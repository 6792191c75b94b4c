// A component's project: a folder whose package.json has the key `petiole`.

import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { z } from "zod";
import { PetioleError } from "../../domain/errors.ts";
import { isErrno } from "../../lib/files.ts";
import { isInside } from "../../lib/is-inside.ts";
import { reasonOf } from "../../lib/reason.ts";
import { ENGINES, type Engine } from "../build/componentise.ts";
import { readWit, worldName, type WitSource } from "../wit/packages.ts";

/** Everything with its place on the disk. */
export interface Project {
  readonly folder: string;
  /** Of package.json, without a scope: the component is run under it. */
  readonly name: string;
  readonly version: string;
  readonly entry: string;
  /** Folder with world.wit. */
  readonly wit: string;
  readonly world: string;
  /** The component file. */
  readonly out: string;
  /** Folder of the generated types. */
  readonly types: string;
  readonly engine: Engine;
  /** OAM manifest; there need not be one. */
  readonly manifest: string;
  /** What is different on a developer's machine; there need not be such a file. */
  readonly dev: string;
}

const settings = z.strictObject({
  entry: z.string().min(1).default("src/index.ts"),
  wit: z.string().min(1).default("wit"),
  world: z.string().min(1).optional(),
  out: z.string().min(1).optional(),
  engine: z.enum(ENGINES).default("qjs"),
  manifest: z.string().min(1).default("application.yaml"),
  dev: z.string().min(1).default("dev.yaml"),
});

const packageSchema = z.object({
  name: z
    .string()
    .regex(/^(?:@[a-z0-9._~-]+\/)?[a-z][a-z0-9-]*$/, "want lower-case letters, digits and -, beginning with a letter"),
  version: z.string().default("0.0.0"),
  petiole: settings,
});

/** @throws PetioleError ERR_PROJECT_INVALID */
export async function readProject(folder: string): Promise<Project> {
  const root = resolve(folder);
  const file = join(root, "package.json");
  const result = packageSchema.safeParse(await readPackage(file));
  if (!result.success) throw invalid(`Cannot use "${file}":\n${z.prettifyError(result.error)}`);
  const { name: full, version, petiole } = result.data;
  const name = full.replace(/^.*\//, "");
  const wit = join(root, petiole.wit);
  const world = petiole.world ?? (await findWorld(wit));
  // The types of the world would be in a file that has those of the engine.
  if (world === "globals") throw invalid(`Cannot use "${file}": its world is "globals", want another name`);
  const out = join(root, petiole.out ?? `build/${name}.wasm`);
  // A project of somebody else writes nothing elsewhere. Whoever wants that says so with --out.
  if (!isInside(root, out))
    throw invalid(`Cannot use "${file}": petiole.out is "${petiole.out}", want a file in the project`);
  return {
    folder: root,
    name,
    version,
    entry: join(root, petiole.entry),
    wit,
    world,
    out,
    types: join(dirname(out), "types"),
    engine: petiole.engine,
    manifest: join(root, petiole.manifest),
    dev: join(root, petiole.dev),
  };
}

/** The WIT of a project. @throws PetioleError ERR_PROJECT_INVALID */
export async function readProjectWit({ wit }: Pick<Project, "wit">): Promise<WitSource> {
  try {
    return await readWit(wit);
  } catch (cause) {
    throw invalid(`Cannot read the WIT in "${wit}": ${reasonOf(cause)}`, cause);
  }
}

async function findWorld(wit: string): Promise<string> {
  const { world } = await readProjectWit({ wit });
  const name = worldName(world);
  if (name === undefined) throw invalid(`Cannot use "${join(wit, "world.wit")}": found no world in it`);
  return name;
}

async function readPackage(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    const found = isErrno(cause, "ENOENT") ? "there is no such file" : reasonOf(cause);
    throw invalid(`Cannot read "${file}": ${found}; petiole new makes a project`, cause);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw invalid(`Cannot use "${file}": ${reasonOf(cause)}`, cause);
  }
  if (typeof content === "object" && content !== null && "petiole" in content) return content;
  throw invalid(`"${dirname(file)}" is no project of a component: its package.json has no "petiole"`);
}

const invalid = (message: string, cause?: unknown): PetioleError =>
  new PetioleError("ERR_PROJECT_INVALID", message, { cause });
