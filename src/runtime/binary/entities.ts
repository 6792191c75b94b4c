// Names, sorts and aliases: what sections of components and declarations of types have in common.

import { MalformedBinary, type ByteReader } from "./byte-reader.ts";
import type { Entity, Scope } from "./scope.ts";

/** Sort of a definition, with the byte of a core sort read over. */
export type Sort = "core" | "func" | "value" | "type" | "component" | "instance";

const SORTS: readonly Sort[] = ["core", "func", "value", "type", "component", "instance"];

export function readSort(reader: ByteReader): Sort {
  const at = reader.offset;
  const sort = SORTS[reader.byte()];
  if (sort === undefined) throw new MalformedBinary(`has an unknown sort of definition at byte ${at}`);
  if (sort === "core") reader.byte();
  return sort;
}

/** Name of an import or export. */
export function readExternName(reader: ByteReader): string {
  const at = reader.offset;
  const form = reader.byte();
  if (form > 1) throw new MalformedBinary(`has a name of unknown form ${form} at byte ${at}`);
  const name = reader.name();
  // Form 1 splits the version off; the whole name is what programs know.
  return form === 1 ? name + reader.name() : name;
}

export function readAlias(reader: ByteReader, scope: Scope): Entity {
  const sort = readSort(reader);
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00: {
      const exports = scope.instance(reader.u32());
      const name = reader.name();
      const found = exports.get(name);
      if (found !== undefined && sort === found.sort) return found;
      // What an instance is known by only in part, such as functions of an unknown canonical definition.
      if (sort === "func") return { sort, type: undefined };
      throw new MalformedBinary(`aliases ${sort} "${name}" of an instance that has none`);
    }
    case 0x01:
      reader.u32();
      reader.name();
      return { sort: "other" };
    case 0x02: {
      const from = scope.outer(reader.u32());
      return pick(from, sort, reader.u32());
    }
    default:
      throw new MalformedBinary(`has an unknown alias at byte ${at}`);
  }
}

/** The definition of `sort` at `index`. */
export function pick(scope: Scope, sort: Sort, index: number): Entity {
  switch (sort) {
    case "func":
      return { sort, type: scope.func(index) };
    case "type":
      return { sort, type: scope.type(index) };
    case "instance":
      return { sort, exports: scope.instance(index) };
    case "component": {
      if (index >= scope.components.length) throw new MalformedBinary(`names component ${index}; there is none`);
      return { sort, exports: scope.components[index] };
    }
    case "core":
    case "value":
    default:
      return { sort: "other" };
  }
}
