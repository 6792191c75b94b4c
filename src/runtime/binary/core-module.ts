import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import { readCoreTypes, readFunctionTypes, signatureAt, type CoreSignature } from "./core-signatures.ts";
import { readCoreImport, readLimits } from "./core-types.ts";
import type { CoreModule, CoreSort } from "./definitions.ts";

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const [TYPES, IMPORTS, FUNCTIONS, MEMORIES, EXPORTS] = [1, 2, 3, 5, 7];
const MODULE_WORK = 10;
const EXPORT_SORTS: readonly CoreSort[] = ["core func", "core table", "core memory", "core global", "core tag"];

/** Reads the imports and exports of a core module, which fills the whole of `reader`. */
export function readCoreModule(reader: ByteReader, end: number): CoreModule {
  const start = reader.offset;
  reader.spend(MODULE_WORK);
  const imports: { module: string; name: string; sort: CoreSort; type: number | undefined }[] = [];
  const exports = new Map<string, CoreSort>();
  const functions: { name: string; index: number }[] = [];
  let types: readonly CoreSignature[] = [];
  let defined: Uint32Array = new Uint32Array();
  let wide = false;
  for (const byte of PREAMBLE) {
    if (reader.byte() !== byte) throw new MalformedBinary(`has no core module where one should be, at byte ${start}`);
  }
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.section(reader.u32());
    if (id === TYPES) types = readCoreTypes(section);
    else if (id === FUNCTIONS) defined = readFunctionTypes(section);
    else if (id === IMPORTS) {
      section.list(() => {
        const name = { module: section.name(), name: section.name() };
        const described = readCoreImport(section);
        wide ||= described.wide;
        imports.push({ ...name, sort: described.sort, type: described.type });
      });
    } else if (id === MEMORIES) {
      section.list(() => {
        if (readLimits(section)) wide = true;
      });
    } else if (id === EXPORTS) {
      section.list(() => {
        const name = section.name();
        const sort = EXPORT_SORTS[section.byte()];
        if (sort === undefined) throw new MalformedBinary(`has a core export "${name}" of unknown sort`);
        if (exports.has(name)) throw new MalformedBinary(`has a core module with two exports "${name}"`);
        const index = section.u32();
        exports.set(name, sort);
        if (sort === "core func") functions.push({ name, index });
      });
    }
  }
  // Sections that come twice or out of order, which V8 refuses, do no harm: what is read here is compared, not believed.
  const imported = imports.flatMap(({ type }) => (type === undefined ? [] : [type]));
  const signature = (index: number): CoreSignature => signatureAt(types, imported, defined, index);
  let functionIndex = 0;
  return {
    start,
    end,
    imports: imports.map(({ module, name, sort, type }) => ({
      module,
      name,
      sort,
      signature: type === undefined ? undefined : signature(functionIndex++),
    })),
    exports,
    signatures: new Map(functions.map(({ name, index }) => [name, signature(index)])),
    wide,
  };
}
