// Reads the binary of a component into its definitions. Core modules are not copied; custom sections and core types are
// read over.

import { ByteReader, MalformedBinary, WorkLimit } from "./byte-reader.ts";
import { readCoreModule } from "./core-module.ts";
import type { ComponentDefinition, ComponentFile, CoreModule, Definition, NamedReference } from "./definitions.ts";
import {
  readAlias,
  readCoreSort,
  readExternName,
  readNamedReferences,
  readReference,
  refuseDuplicates,
} from "./names.ts";
import { readCanonicals } from "./read-canonical.ts";
import { readDescription, readType } from "./read-types.ts";

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const COMPONENT_VERSION = [0x0d, 0x00, 0x01, 0x00];
const CORE_VERSION = [0x01, 0x00, 0x00, 0x00];
const MAX_NESTING = 32;
// JavaScript components have about 2,500. One takes a hundred bytes or two once read, and the agent's heap is small.
const MAX_ITEMS = 200_000;

/** @throws MalformedBinary */
export function readComponentFile(bytes: Uint8Array): ComponentFile {
  checkPreamble(bytes);
  const modules: CoreModule[] = [];
  const reader = new ByteReader(bytes, 0, bytes.length, new WorkLimit(MAX_ITEMS));
  reader.take(8);
  return { root: readComponent(reader, modules, 0), modules };
}

function startsWith(bytes: Uint8Array, expected: readonly number[], at: number): boolean {
  return expected.every((byte, index) => bytes[at + index] === byte);
}

function checkPreamble(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new MalformedBinary("is empty");
  if (!startsWith(bytes, MAGIC.slice(0, bytes.length), 0)) throw new MalformedBinary("is not WebAssembly");
  if (bytes.length < 8) throw new MalformedBinary(`is cut off: ${bytes.length} bytes are no WebAssembly component`);
  if (startsWith(bytes, CORE_VERSION, 4)) {
    throw new MalformedBinary("is a core module, not a component; it has to be made one, with a WIT world");
  }
  if (!startsWith(bytes, COMPONENT_VERSION, 4)) {
    const version = Buffer.from(bytes.subarray(4, 8)).toString("hex");
    throw new MalformedBinary(`is a component of the unknown binary version ${version}, want 0d000100`);
  }
}

/** The sections of a component, whose preamble was read. */
function readComponent(reader: ByteReader, modules: CoreModule[], depth: number): ComponentDefinition {
  if (depth > MAX_NESTING) throw new MalformedBinary(`nests components more than ${MAX_NESTING} deep`);
  const definitions: Definition[] = [];
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.section(reader.u32());
    if (id === 1) {
      definitions.push({ kind: "core module", module: modules.length });
      modules.push(readCoreModule(section, reader.offset));
    } else if (id === 4) {
      const at = section.offset;
      const preamble = section.take(8);
      if (!startsWith(preamble, [...MAGIC, ...COMPONENT_VERSION], 0)) {
        throw new MalformedBinary(`has no component where one should be, at byte ${at}`);
      }
      definitions.push({ kind: "component", component: readComponent(section, modules, depth + 1) });
    } else readSection(id, section, definitions);
  }
  return { definitions };
}

function readSection(id: number, section: ByteReader, definitions: Definition[]): void {
  const each = (item: () => Definition): void => {
    const count = section.count();
    for (let index = 0; index < count; index++) definitions.push(item());
    if (!section.done) throw new MalformedBinary(`has a section with more than it says, at byte ${section.offset}`);
  };
  switch (id) {
    case 2:
      return each(() => readCoreInstance(section));
    case 5:
      return each(() => readInstance(section));
    case 6:
      return each(() => readAlias(section));
    case 7:
      return each(() => ({ kind: "type", type: readType(section) }));
    case 8:
      for (const canonical of readCanonicals(section)) definitions.push({ kind: "canonical", canonical });
      return;
    case 10:
      return each(() => ({ kind: "import", name: readExternName(section), described: readDescription(section) }));
    case 11:
      return each(() => ({
        kind: "export",
        name: readExternName(section),
        of: readReference(section),
        described: section.optional(() => readDescription(section)),
      }));
    case 9:
      definitions.push({ kind: "unsupported", what: "a start function of a component" });
      return;
    case 12:
      definitions.push({ kind: "unsupported", what: "values" });
      return;
    case 0: // custom
    case 3: // core types
      return;
    default:
      throw new MalformedBinary(`has an unknown section ${id} that ends at byte ${section.offset}`);
  }
}

function readCoreInstance(reader: ByteReader): Definition {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00: {
      const module = reader.u32();
      const args = reader.list(() => {
        const name = reader.name();
        if (reader.byte() !== 0x12) throw new MalformedBinary(`passes "${name}" to a core module, no core instance`);
        return { name, instance: reader.u32() };
      });
      refuseExactDuplicates(args, "arguments of a core module");
      return { kind: "core instance", of: { kind: "module", module, args } };
    }
    case 0x01: {
      const exports = reader.list((): NamedReference => {
        const name = reader.name();
        return { name, sort: readCoreSort(reader), index: reader.u32() };
      });
      refuseExactDuplicates(exports, "exports of a core instance");
      return { kind: "core instance", of: { kind: "exports", exports } };
    }
    default:
      throw new MalformedBinary(`has an unknown form of core instance at byte ${at}`);
  }
}

// Names of core WebAssembly are any text: other than those of components they may differ in case only.
function refuseExactDuplicates(items: readonly { readonly name: string }[], what: string): void {
  if (new Set(items.map(({ name }) => name)).size < items.length) refuseDuplicates(items, what);
}

function readInstance(reader: ByteReader): Definition {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00: {
      const component = reader.u32();
      const args = readNamedReferences(reader, () => reader.name(), "arguments of a component");
      return { kind: "instance", of: { kind: "component", component, args } };
    }
    case 0x01: {
      const exports = readNamedReferences(reader, () => readExternName(reader), "exports of an instance");
      return { kind: "instance", of: { kind: "exports", exports } };
    }
    default:
      throw new MalformedBinary(`has an unknown form of instance at byte ${at}`);
  }
}
