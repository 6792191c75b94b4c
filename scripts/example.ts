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
const USAGE = `npm run example -- NAME [--keep] [SWITCH…]

  --keep  leave everything running at the end, until Ctrl-C`;

const code = await main(process.argv.slice(2));
// Something that was interrupted may still be under way, such as obtaining a nats-server; it is not waited for.
if (code === EXIT.interrupted) process.exit(code);
process.exitCode = code;

async function main(args: readonly string[]): Promise<number> {
  try {
    const name = args.find((one) => !one.startsWith("-"));
    const example = name === undefined ? undefined : await load(name);
    const switches = Object.keys(example?.switches ?? {});
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        keep: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        ...Object.fromEntries(switches.map((one) => [one, { type: "boolean" as const }])),
      },
    });
    const given: Readonly<Record<string, boolean | undefined>> = values;
    if (given["help"] === true || name === undefined || example === undefined) {
      console.log(`${USAGE}\n\n${await list()}`);
      return EXIT.ok;
    }
    const further = positionals.slice(1);
    if (further.length > 0) throw new Error(`Cannot play "${further.join(" ")}" as well: want one example`);
    const on = new Set(switches.filter((one) => given[one] === true));
    return await perform({ name, keep: given["keep"] === true, play: (stage) => example.play(stage, on) });
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
  const entries = names.sort().map(async (name) => {
    const { summary, switches = {} } = await load(name);
    const ways = Object.entries(switches).map(([one, text]) => `  ${"".padEnd(width)}  --${one}  ${text}`);
    return [`  ${name.padEnd(width)}  ${summary}`, ...ways];
  });
  return `Examples:\n\n${(await Promise.all(entries)).flat().join("\n")}`;
}
