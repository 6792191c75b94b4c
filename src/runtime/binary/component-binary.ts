// Reads what a component imports and exports out of its bytes, without executing or validating its code.

import { PetioleError } from "../../domain/errors.ts";
import type { InterfaceFunction, InterfaceShape, Resource } from "../wit/type.ts";
import { ByteReader, MalformedBinary } from "./byte-reader.ts";
import { pick, readAlias, readExternName, readSort } from "./entities.ts";
import { Scope, type Entity, type Exports } from "./scope.ts";
import { readExternDescription, readType } from "./types.ts";

export interface ComponentInspection {
  /** Imported interfaces in the order of the file. */
  readonly imports: readonly InterfaceShape[];
  /** Exported interfaces in the order of the file. */
  readonly exports: readonly InterfaceShape[];
  /** Functions that are exported, or imported, outside any interface. */
  readonly bareExports: readonly InterfaceFunction[];
  readonly bareImports: readonly InterfaceFunction[];
  readonly coreModules: number;
}

const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const COMPONENT_VERSION = [0x0d, 0x00, 0x01, 0x00];
const CORE_VERSION = [0x01, 0x00, 0x00, 0x00];
const MAX_NESTING = 32;

/**
 * Imports and exports of a component, with the functions and resources of each interface.
 * @throws PetioleError ERR_COMPONENT_INVALID
 */
export function inspectComponent(bytes: Uint8Array, source = "component"): ComponentInspection {
  try {
    checkPreamble(bytes);
    const counter = { coreModules: 0 };
    const scope = readComponent(new ByteReader(bytes, 8), undefined, counter, 0);
    return {
      imports: shapes(scope.imports),
      exports: shapes(scope.exports),
      bareImports: functions(scope.imports),
      bareExports: functions(scope.exports),
      coreModules: counter.coreModules,
    };
  } catch (error) {
    if (!(error instanceof MalformedBinary)) throw error;
    throw new PetioleError("ERR_COMPONENT_INVALID", `Cannot read "${source}": it ${error.message}`, { cause: error });
  }
}

function checkPreamble(bytes: Uint8Array): void {
  const startsWith = (expected: readonly number[], at: number) =>
    expected.every((byte, index) => bytes[at + index] === byte);
  if (bytes.length === 0) throw new MalformedBinary("is empty");
  if (!startsWith(MAGIC.slice(0, bytes.length), 0)) throw new MalformedBinary("is not WebAssembly");
  if (bytes.length < 8) throw new MalformedBinary(`is cut off: ${bytes.length} bytes are no WebAssembly component`);
  if (startsWith(CORE_VERSION, 4)) {
    throw new MalformedBinary("is a core module, not a component; it has to be made one, with a WIT world");
  }
  if (!startsWith(COMPONENT_VERSION, 4)) {
    const version = Buffer.from(bytes.subarray(4, 8)).toString("hex");
    throw new MalformedBinary(`is a component of the unknown binary version ${version}, want 0d000100`);
  }
}

function readComponent(
  reader: ByteReader,
  parent: Scope | undefined,
  counter: { coreModules: number },
  depth: number,
): Scope {
  if (depth > MAX_NESTING) throw new MalformedBinary(`nests components more than ${MAX_NESTING} deep`);
  const scope = new Scope(parent);
  while (!reader.done) {
    const id = reader.byte();
    const size = reader.u32();
    const section = reader.section(size);
    if (id === 1) counter.coreModules++;
    else if (id === 4) {
      section.take(8);
      scope.components.push(readComponent(section, scope, counter, depth + 1).exports);
    } else readSection(id, section, scope);
  }
  return scope;
}

function readSection(id: number, section: ByteReader, scope: Scope): void {
  switch (id) {
    case 5:
      eachOf(section, () => scope.instances.push(readInstance(section, scope)));
      break;
    case 6:
      eachOf(section, () => scope.add(readAlias(section, scope)));
      break;
    case 7:
      eachOf(section, () => scope.types.push(readType(section, scope)));
      break;
    case 8:
      readCanonicals(section, scope);
      break;
    case 10:
      eachOf(section, () => {
        const name = readExternName(section);
        const entity = readExternDescription(section, scope, name);
        scope.imports.set(name, entity);
        scope.add(entity);
      });
      break;
    case 11:
      eachOf(section, () => readExport(section, scope));
      break;
    case 0: // custom
    case 2: // core instances
    case 3: // core types
    case 9: // start function
    case 12: // values
      break;
    default:
      throw new MalformedBinary(`has an unknown section ${id} that ends at byte ${section.offset}`);
  }
}

function eachOf(section: ByteReader, item: () => void): void {
  const count = section.count();
  for (let index = 0; index < count; index++) item();
  if (!section.done) throw new MalformedBinary(`has a section with more than it says, at byte ${section.offset}`);
}

function readInstance(reader: ByteReader, scope: Scope): Exports {
  const at = reader.offset;
  switch (reader.byte()) {
    case 0x00: {
      const component = pick(scope, "component", reader.u32());
      reader.list(() => {
        reader.name();
        readSort(reader);
        reader.u32();
      });
      return (component.sort === "component" ? component.exports : undefined) ?? new Map<string, Entity>();
    }
    case 0x01:
      return new Map(
        reader.list((): [string, Entity] => {
          const name = readExternName(reader);
          const sort = readSort(reader);
          return [name, pick(scope, sort, reader.u32())];
        }),
      );
    default:
      throw new MalformedBinary(`has an unknown form of instance at byte ${at}`);
  }
}

function readExport(reader: ByteReader, scope: Scope): void {
  const name = readExternName(reader);
  const sort = readSort(reader);
  const inner = pick(scope, sort, reader.u32());
  const described = reader.byte() === 0x01 ? readExternDescription(reader, scope, name) : undefined;
  const entity = described ?? inner;
  scope.exports.set(name, entity);
  scope.add(entity);
}

// Only lifting makes a function of the component; lowering and the built-ins make core functions. Of those that came
// with asynchronous components the layout is not known here, so reading ends at the first.
function readCanonicals(section: ByteReader, scope: Scope): void {
  const count = section.count();
  for (let index = 0; index < count; index++) {
    const opcode = section.byte();
    if (opcode === 0x00) {
      section.byte();
      section.u32();
      readOptions(section);
      const entry = scope.type(section.u32());
      scope.funcs.push(entry.is === "func" ? entry.type : undefined);
    } else if (opcode === 0x01) {
      section.byte();
      section.u32();
      readOptions(section);
    } else if (opcode >= 0x02 && opcode <= 0x04) section.u32();
    else {
      scope.functionsKnown = false;
      return;
    }
  }
}

function readOptions(section: ByteReader): void {
  const count = section.count();
  for (let index = 0; index < count; index++) {
    const at = section.offset;
    const option = section.byte();
    // 0 to 2 name the string encoding and 6 says asynchronous; the others carry an index.
    if (option === 3 || option === 4 || option === 5 || option === 7) section.u32();
    else if (option > 6) throw new MalformedBinary(`has an unknown canonical option ${option} at byte ${at}`);
  }
}

function shapes(entities: ReadonlyMap<string, Entity>): InterfaceShape[] {
  return [...entities].flatMap(([name, entity]) =>
    entity.sort === "instance"
      ? [{ name, functions: functions(entity.exports), resources: resources(entity.exports) }]
      : [],
  );
}

function functions(entities: ReadonlyMap<string, Entity>): InterfaceFunction[] {
  return [...entities].flatMap(([name, entity]) => (entity.sort === "func" ? [{ name, type: entity.type }] : []));
}

function resources(entities: ReadonlyMap<string, Entity>): Resource[] {
  return [...entities.values()].flatMap((entity) =>
    entity.sort === "type" && entity.type.is === "resource" ? [entity.type.resource] : [],
  );
}
