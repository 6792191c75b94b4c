// `petiole test`: builds a project, checks its tests, and runs them against the component that was built.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { glob, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { PetioleError } from "../../domain/errors.ts";
import { buildProject, type BuildReport } from "../build/build.ts";
import { runCompiler, toImport } from "../build/guest-types.ts";
import { IS_CHECKOUT, SOURCE_CONDITION } from "../place.ts";
import type { Project } from "../project/project.ts";

/** What a device's agent runs with, as far as components can tell; the heap of tests is their own affair. */
const NODE_FLAGS = [
  "--disable-wasm-trap-handler",
  "--wasm-stack-switching-stack-size=512",
  "--disable-warning=ExperimentalWarning",
];

export interface TestOptions {
  /** Patterns of files, seen from the project; all of its tests unless given. */
  readonly files?: readonly string[];
  /** Only tests whose names match. */
  readonly name?: string;
  /** Called when the component is built. */
  readonly onBuilt?: (report: BuildReport) => void;
}

const PATTERNS = ["test/**/*.test.ts", "src/**/*.test.ts"];

/**
 * Tests write to standard output.
 * @throws PetioleError ERR_BUILD_FAILED, ERR_PROJECT_INVALID; ERR_TESTS_FAILED when one fails
 */
export async function testProject(project: Project, options: TestOptions = {}): Promise<void> {
  const files = await findTests(project, options.files ?? PATTERNS);
  const report = await buildProject(project);
  options.onBuilt?.(report);
  await checkTests(project, files);
  const child = spawn(
    process.execPath,
    [
      ...NODE_FLAGS,
      ...(IS_CHECKOUT ? [`--conditions=${SOURCE_CONDITION}`] : []),
      "--test",
      ...(options.name === undefined ? [] : [`--test-name-pattern=${options.name}`]),
      ...files,
    ],
    { cwd: project.folder, stdio: ["ignore", "inherit", "inherit"] },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject).once("exit", resolve);
  if ((await promise) !== 0) throw new PetioleError("ERR_TESTS_FAILED", `Tests of "${project.name}" failed`);
}

async function findTests({ folder, name }: Project, patterns: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const file of glob([...patterns], { cwd: folder })) found.push(file);
  if (found.length > 0) return [...new Set(found)].sort();
  throw new PetioleError(
    "ERR_PROJECT_INVALID",
    `Cannot test "${name}": found no ${patterns.join(" or ")} in "${folder}"`,
  );
}

/** The types of Node are those that petiole brings; a project need not have them. */
async function checkTests({ folder, types, name }: Project, files: readonly string[]): Promise<void> {
  const base = [join(folder, "test", "tsconfig.json"), join(folder, "tsconfig.json")].find((file) => existsSync(file));
  if (base === undefined)
    throw new PetioleError("ERR_PROJECT_INVALID", `Cannot test "${name}": it has no tsconfig.json`);
  const config = join(types, "all.tests.tsconfig.json");
  const nodeTypes = dirname(dirname(createRequire(import.meta.url).resolve("@types/node/package.json")));
  const content = {
    extends: toImport(types, base),
    compilerOptions: {
      types: ["node"],
      typeRoots: [nodeTypes],
      noEmit: true,
      ...(IS_CHECKOUT && { customConditions: [SOURCE_CONDITION] }),
    },
    include: ["*.d.ts", "interfaces"],
    files: files.map((file) => toImport(types, join(folder, file))),
  };
  await writeFile(config, JSON.stringify(content, null, 2));
  const report = await runCompiler(config, { cwd: folder });
  if (report === undefined) return;
  throw new PetioleError(
    "ERR_BUILD_FAILED",
    `Cannot test "${name}" in "${relative(process.cwd(), folder) || "."}":\n${report}`,
  );
}
