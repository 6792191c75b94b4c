// npm run example -- NAME: plays an example. Without a name it lists them.

import { existsSync } from "node:fs";
import { glob } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { reasonOf } from "../src/lib/reason.ts";
import type { Example } from "./stage/example.ts";
import { EXIT, perform } from "./stage/perform.ts";

const EXAMPLES = fileURLToPath(new URL("../examples/", import.meta.url));
const USAGE = `npm run example -- NAME [--keep]

  --keep  leave everything running at the end, until Ctrl-C`;

const code = await main(process.argv.slice(2));
// Something that was interrupted may still be under way, such as obtaining a nats-server; it is not waited for.
if (code === EXIT.interrupted) process.exit(code);
process.exitCode = code;

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { keep: { type: "boolean", default: false }, help: { type: "boolean", short: "h", default: false } },
    });
    const [name, ...further] = positionals;
    if (values.help || name === undefined) {
      console.log(`${USAGE}\n\n${await list()}`);
      return EXIT.ok;
    }
    if (further.length > 0) throw new Error(`Cannot play "${further.join(" ")}" as well: want one example`);
    const { play } = await load(name);
    return await perform({ name, keep: values.keep, play });
  } catch (error) {
    console.error(`${reasonOf(error)}\n\n${USAGE}\n\n${await list()}`);
    return EXIT.usage;
  }
}

function runFile(name: string): string {
  return join(EXAMPLES, name, "run.ts");
}

async function load(name: string): Promise<Example> {
  if (!/^[a-z0-9-]+$/.test(name) || !existsSync(runFile(name))) throw new Error(`There is no example "${name}"`);
  // Each of them exports this.
  return ((await import(pathToFileURL(runFile(name)).href)) as { readonly example: Example }).example;
}

async function list(): Promise<string> {
  const names: string[] = [];
  for await (const file of glob("*/run.ts", { cwd: EXAMPLES })) names.push(basename(dirname(file)));
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.sort().map(async (name) => `  ${name.padEnd(width)}  ${(await load(name)).summary}`);
  return `Examples:\n\n${(await Promise.all(lines)).join("\n")}`;
}
