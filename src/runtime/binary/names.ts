// Names, sorts and aliases: what sections of components and declarations of types have in common.

import { camelCase } from "../../lib/wit/names.ts";
import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import type { AliasDefinition, CoreSort, NamedReference, Reference, Sort } from "./definitions.ts";

const SORTS: readonly (Sort | undefined)[] = [undefined, "func", "value", "type", "component", "instance"];
const CORE_SORTS: Readonly<Record<number, CoreSort>> = {
  0x00: "core func",
  0x01: "core table",
  0x02: "core memory",
  0x03: "core global",
  0x04: "core tag",
  0x10: "core type",
  0x11: "core module",
  0x12: "core instance",
};

const LABEL = /^[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*$/;
const PRINTABLE = /^[\x20-\x7e]+$/;

/** Name of a parameter, field, case or flag: words and hyphens. */
export function readLabel(reader: ByteReader): string {
  const at = reader.offset;
  const label = reader.name();
  if (!LABEL.test(label)) throw new MalformedBinary(`has a label that is no word in kebab-case, at byte ${at}`);
  return label;
}

export function readCoreSort(reader: ByteReader): CoreSort {
  const at = reader.offset;
  const sort = CORE_SORTS[reader.byte()];
  if (sort === undefined) throw new MalformedBinary(`has an unknown sort of core definition at byte ${at}`);
  return sort;
}

function readSort(reader: ByteReader): Sort {
  const at = reader.offset;
  const byte = reader.byte();
  if (byte === 0x00) return readCoreSort(reader);
  const sort = SORTS[byte];
  if (sort === undefined) throw new MalformedBinary(`has an unknown sort of definition at byte ${at}`);
  return sort;
}

export function readReference(reader: ByteReader): Reference {
  return { sort: readSort(reader), index: reader.u32() };
}

/** Name of an import or export. */
export function readExternName(reader: ByteReader): string {
  const at = reader.offset;
  const form = reader.byte();
  if (form > 2) throw new MalformedBinary(`has a name of unknown form ${form} at byte ${at}`);
  const name = reader.name();
  if (!PRINTABLE.test(name)) throw new MalformedBinary(`has a name that is no printable text, at byte ${at}`);
  // Form 1 is how older tools wrote the names of interfaces. Form 2 is followed by annotations.
  if (form === 2) {
    reader.list(() => {
      reader.byte();
      reader.name();
    });
  }
  return name;
}

/** Definitions under names that must differ. Names that differ only in case count as the same. */
export function refuseDuplicates(items: readonly { readonly name: string }[], what: string): void {
  const seen = new Set<string>();
  for (const { name } of items) {
    const key = name.toLowerCase();
    if (seen.has(key)) throw new MalformedBinary(`has two ${what} named "${name}"`);
    seen.add(key);
  }
}

/** Fields and flags are properties in JavaScript, where names may be the same that differ in WIT: `a1` and `a-1`. */
export function refuseSameProperties(names: readonly string[], what: string): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    const key = camelCase(name);
    const other = seen.get(key);
    if (other !== undefined) {
      throw new MalformedBinary(`has two ${what} "${other}" and "${name}", which are both "${key}" in JavaScript`);
    }
    seen.set(key, name);
  }
}

export function readNamedReferences(reader: ByteReader, name: () => string, what: string): NamedReference[] {
  const items = reader.list(() => ({ name: name(), ...readReference(reader) }));
  refuseDuplicates(items, what);
  return items;
}

export function readAlias(reader: ByteReader): AliasDefinition {
  const sort = readSort(reader);
  const at = reader.offset;
  const form = reader.byte();
  switch (form) {
    case 0x00:
    case 0x01:
      if (form === 1 && !sort.startsWith("core ")) throw new MalformedBinary(`aliases ${sort} of a core instance`);
      return {
        kind: "alias",
        sort,
        of: { kind: form === 0x00 ? "export" : "core export", instance: reader.u32(), name: reader.name() },
      };
    case 0x02:
      return { kind: "alias", sort, of: { kind: "outer", levels: reader.u32(), index: reader.u32() } };
    default:
      throw new MalformedBinary(`has an unknown alias at byte ${at}`);
  }
}
