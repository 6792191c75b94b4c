// `petiole build`: from a project to a component file.

import { mkdir, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { writeFileAtomic } from "../../lib/files.ts";
import { reasonOf } from "../../lib/reason.ts";
import { STATEMENT_SUFFIX } from "../../trust/read-evidence.ts";
import { signFile, type SignedFile } from "../../trust/sign-file.ts";
import { parseSignedStatement } from "../../trust/statement.ts";
import { readProjectWit, type Project } from "../project/project.ts";
import { bundle } from "./bundle.ts";
import { checkProject, generateTypes } from "./check.ts";
import { componentiseWithQuickjs, type ComponentiseInput, type Engine } from "./componentise.ts";
import { describeComponent, type ComponentFacts } from "./report.ts";

export interface BuildOptions {
  /** Instead of the project's. */
  readonly engine?: Engine;
  /** Private key that signs what is built. */
  readonly key?: string;
  readonly minify?: boolean;
  /** Instead of the project's. */
  readonly out?: string;
  /** False leaves the type check out; the types are made all the same. */
  readonly check?: boolean;
  readonly signal?: AbortSignal;
}

export interface BuildReport extends ComponentFacts {
  readonly name: string;
  readonly file: string;
  readonly engine: Engine;
  /** Absolute paths of the sources that went in. */
  readonly modules: readonly string[];
  readonly signed: SignedFile | undefined;
  /** In milliseconds; types and bundle are made at the same time. */
  readonly took: { readonly types: number; readonly bundle: number; readonly component: number; readonly all: number };
}

/**
 * Type check, bundle, component, signature.
 * @throws PetioleError ERR_PROJECT_INVALID, ERR_BUILD_FAILED, ERR_TOOLCHAIN_MISSING, ERR_SIGN_KEY; the signal's reason
 */
export async function buildProject(project: Project, options: BuildOptions = {}): Promise<BuildReport> {
  const engine = options.engine ?? project.engine;
  const file = options.out ?? project.out;
  const began = performance.now();
  const wit = await readProjectWit(project);
  const { signal } = options;
  const checked = (): Promise<unknown> =>
    options.check === false
      ? generateTypes({ ...project, engine }, wit)
      : checkProject({ ...project, engine }, { wit, ...(signal !== undefined && { signal }) });
  // What the compiler says is worth more than what the bundler does: it is waited for first.
  const bundling = timed(() => bundle(project.entry, { minify: options.minify ?? false }));
  bundling.catch(() => {});
  const types = await timed(checked);
  const bundled = await bundling;
  signal?.throwIfAborted();
  const { code, modules } = bundled.value;
  const made = await timed(() => componentise(engine, { code, wit, world: project.world }, project.folder));
  signal?.throwIfAborted();
  await write(file, made.value);
  const facts = await describeComponent(made.value, file);
  const signed = await sign(file, facts, project, options.key);
  const took = { types: types.took, bundle: bundled.took, component: made.took, all: performance.now() - began };
  return { name: project.name, file, engine, ...facts, modules, signed, took };
}

async function write(file: string, component: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomic(file, component, 0o644);
  } catch (cause) {
    throw new PetioleError("ERR_BUILD_FAILED", `Cannot write "${file}": ${reasonOf(cause)}`, { cause });
  }
}

async function componentise(engine: Engine, input: ComponentiseInput, folder: string): Promise<Uint8Array> {
  if (engine === "qjs") return await componentiseWithQuickjs(input);
  const { componentiseWithStarlingMonkey } = await import("./starlingmonkey.ts");
  return await componentiseWithStarlingMonkey(input, folder);
}

/** What lies beside the component must not be a signature of another one. */
async function sign(
  file: string,
  { digest }: ComponentFacts,
  { name, version }: Project,
  key: string | undefined,
): Promise<SignedFile | undefined> {
  if (key !== undefined) return await signFile(file, { key, name, version, force: true });
  const present = await readFile(file + STATEMENT_SUFFIX, "utf8").catch(() => undefined);
  if (present === undefined) return undefined;
  const parsed = parseSignedStatement(present);
  if ("fault" in parsed || parsed.statement.digest !== digest) await rm(file + STATEMENT_SUFFIX, { force: true });
  return undefined;
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly took: number }> {
  const began = performance.now();
  const value = await work();
  return { value, took: performance.now() - began };
}
