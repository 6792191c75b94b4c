// npm run build:languages [-- NAME...]: builds the examples in other languages than TypeScript, all or the named ones, where
// the tools are there and the inputs changed. Says what is missing otherwise, and how to get it.
//
//   --fetch     gets what is missing from PyPI, npm or Debian into .cache/languages, and installs nothing
//   --require   ends with 1 when something is missing, too; without it, only when a build fails

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { glob, mkdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFileAtomic } from "../src/lib/files.ts";
import { reasonOf } from "../src/lib/reason.ts";
import { c } from "./languages/c.ts";
import { go } from "./languages/go.ts";
import { ToolMissing, type Language } from "./languages/language.ts";
import { python } from "./languages/python.ts";
import { rust } from "./languages/rust.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const LANGUAGES: readonly Language[] = [c, go, python, rust];

async function digestInputs({ inputs }: Language, folder: string): Promise<string> {
  const scripts = ["build-languages.ts", "languages/*.ts"].map((name) => `scripts/${name}`);
  const files = [
    ...(await Array.fromAsync(glob([...inputs], { cwd: folder }))).map((file) => join(folder, file)),
    ...(await Array.fromAsync(glob(scripts, { cwd: ROOT }))).map((file) => join(ROOT, file)),
  ];
  const hash = createHash("sha256");
  for (const file of files.sort()) hash.update(`${relative(ROOT, file)}\0`).update(await readFile(file));
  return hash.digest("hex");
}

type Outcome = "built" | "missing" | "failed";

async function build(language: Language, fetch: boolean): Promise<Outcome> {
  const folder = join(ROOT, "examples/languages", language.name);
  const work = join(folder, "build");
  const out = join(work, `${language.component}.wasm`);
  const say = (text: string): void => console.log(`${language.name}: ${text}`);
  const inputs = await digestInputs(language, folder);
  const stamp = `${out}.inputs`;
  if (existsSync(out) && existsSync(stamp) && (await readFile(stamp, "utf8")) === inputs) {
    say("unchanged");
    return "built";
  }
  await mkdir(work, { recursive: true });
  const started = performance.now();
  try {
    const { component, by } = await language.build({ folder, work, fetch });
    await writeFileAtomic(out, component, 0o644);
    await writeFileAtomic(stamp, inputs, 0o644);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    say(`${relative(ROOT, out)}, ${(component.byteLength / 1024).toFixed(0)} KiB in ${seconds} s, by ${by}`);
    return "built";
  } catch (error) {
    if (!(error instanceof ToolMissing)) {
      say(`failed: ${reasonOf(error)}`);
      return "failed";
    }
    say(`not built: ${error.message}\n  to get it: ${error.remedy}`);
    return "missing";
  }
}

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { fetch: { type: "boolean", default: false }, require: { type: "boolean", default: false } },
  });
  const unknown = positionals.find((name) => LANGUAGES.every((language) => language.name !== name));
  if (unknown !== undefined) {
    console.error(`Cannot build "${unknown}": there is ${LANGUAGES.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const outcomes: Outcome[] = [];
  for (const language of LANGUAGES) {
    if (positionals.length > 0 && !positionals.includes(language.name)) continue;
    outcomes.push(await build(language, values.fetch));
  }
  return outcomes.includes("failed") || (values.require && outcomes.includes("missing")) ? 1 : 0;
}

process.exitCode = await main();
