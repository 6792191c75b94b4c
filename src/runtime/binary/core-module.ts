import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import { readCoreImport, readLimits } from "./core-types.ts";
import type { CoreModule, CoreSort } from "./definitions.ts";

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const [IMPORTS, MEMORIES, EXPORTS] = [2, 5, 7];
const MODULE_WORK = 10;
const EXPORT_SORTS: readonly CoreSort[] = ["core func", "core table", "core memory", "core global", "core tag"];

/** Reads the imports and exports of a core module, which fills the whole of `reader`. */
export function readCoreModule(reader: ByteReader, end: number): CoreModule {
  const start = reader.offset;
  reader.spend(MODULE_WORK);
  const imports: { module: string; name: string; sort: CoreSort }[] = [];
  const exports = new Map<string, CoreSort>();
  let wide = false;
  for (const byte of PREAMBLE) {
    if (reader.byte() !== byte) throw new MalformedBinary(`has no core module where one should be, at byte ${start}`);
  }
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.section(reader.u32());
    if (id === IMPORTS) {
      section.list(() => {
        const name = { module: section.name(), name: section.name() };
        const described = readCoreImport(section);
        wide ||= described.wide;
        imports.push({ ...name, sort: described.sort });
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
        section.u32();
        exports.set(name, sort);
      });
    }
  }
  return { start, end, imports, exports, wide };
}
