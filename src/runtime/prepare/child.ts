// Entry of the transpiling process. Its memory and time are bounded from outside; whatever a component makes of the transpiler ends with this process.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { inspectComponent } from "../binary/component-binary.ts";
import { GLUE_FILE, type ChildReport, type ChildRequest } from "./child-protocol.ts";
import { glueScript } from "./glue.ts";
import { stubTranspilerWasi } from "./transpiler-wasi.ts";
import { transpileOptions } from "./transpile-options.ts";
import { reasonOf } from "../../lib/reason.ts";

void main();

async function main(): Promise<void> {
  const request = (await json(process.stdin)) as ChildRequest; // Written by run-child.ts only.
  process.stdout.write(`${JSON.stringify(await transpile(request))}\n`);
}

async function transpile({ input, outputFolder }: ChildRequest): Promise<ChildReport> {
  const bytes = await readFile(input);
  stubTranspilerWasi();
  const { $init, generate } = await import("@bytecodealliance/jco-transpile/component");
  await $init;
  let files: [string, Uint8Array][];
  try {
    files = generate(bytes, transpileOptions(inspectComponent(bytes))).files;
    for (const [name, content] of files) if (name.endsWith(".wasm")) checkCoreModule(content);
  } catch (error) {
    return { ok: false, reason: describe(error) };
  }
  for (const [name, content] of files) {
    const text = name === GLUE_FILE ? glueScript(Buffer.from(content).toString("utf8")) : content;
    await writeFile(join(outputFolder, name), text);
  }
  return { ok: true, files: files.map(([name]) => name) };
}

/** The glue quotes the names of core imports and exports; none may end a string in it. */
function checkCoreModule(content: Uint8Array): void {
  const module = new WebAssembly.Module(Uint8Array.from(content));
  const names = [
    ...WebAssembly.Module.imports(module).flatMap((one) => [one.module, one.name]),
    ...WebAssembly.Module.exports(module).map((one) => one.name),
  ];
  const odd = names.find((name) => /['"`\\\p{Cc}\u2028\u2029]/u.test(name));
  if (odd !== undefined) throw new Error(`core module has the name ${JSON.stringify(odd)}, which is not supported`);
}

function describe(error: unknown): string {
  // The transpiler reports as `result<_, string>`, with the chain of causes on lines of their own.
  const payload = error instanceof Error && "payload" in error ? error.payload : error;
  const text = reasonOf(payload);
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("; ")
    .slice(0, 1000);
}
