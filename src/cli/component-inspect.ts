import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { PetioleError } from "../domain/errors.ts";
import { HOST_INTERFACES } from "../domain/host-interfaces.ts";
import { unversioned } from "../domain/wit-name.ts";
import { inspectComponent } from "../runtime/binary/component-binary.ts";
import { isBuiltin } from "../runtime/wasi/names.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";
import { entryInspect } from "./entry-inspect.ts";
import { formatBytes, formatTable } from "./table.ts";
import { reasonOf } from "../lib/reason.ts";

export async function componentInspect(file: string, options: { json?: true }): Promise<void> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new PetioleError("ERR_COMPONENT_UNREADABLE", `Cannot read the component "${file}": ${reason}`, { cause });
  }
  if (isEntry(bytes)) return entryInspect(file, options);
  const { imports, exports, bareImports, bareExports, coreModules } = inspectComponent(bytes, file);
  const report = {
    file,
    digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`,
    size: bytes.length,
    coreModules,
    imports: imports.map((shape) => ({ ...describe(shape), servedBy: servedBy(shape) })),
    exports: exports.map(describe),
    bareImports: bareImports.map(({ name }) => name),
    bareExports: bareExports.map(({ name }) => name),
  };
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const sections = [
    `${file}\n${report.digest}, ${formatBytes(report.size)}, ${coreModules} core modules`,
    formatTable([
      ["IMPORTS", "SERVED BY", "FUNCTIONS"],
      ...report.imports.map((one) => [one.name, one.servedBy, one.functions.join(", ")]),
    ]),
    formatTable([
      ["EXPORTS", "FUNCTIONS"],
      ...report.exports.map(({ name, functions }) => [name, functions.join(", ")]),
    ]),
  ];
  process.stdout.write(`${sections.join("\n\n")}\n`);
}

/** Both kinds of entries begin with it: see prepare/entry-format.ts and aot/signed-entry.ts. */
function isEntry(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, 7)).equals(Buffer.from("petiole"));
}

const describe = ({ name, functions }: InterfaceShape): { name: string; functions: string[] } => ({
  name,
  functions: functions.map((one) => one.name),
});

/** An interface without functions only lends its types; nothing has to serve it. */
function servedBy({ name, functions }: InterfaceShape): "link" | "petiole" | "nothing" {
  if (functions.length === 0) return "nothing";
  return isBuiltin(name) || HOST_INTERFACES.has(unversioned(name)) ? "petiole" : "link";
}
