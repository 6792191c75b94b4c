// A component on jco's glue.

import type { Instantiate } from "../prepare/glue.ts";
import { unversioned } from "../../domain/wit-name.ts";
import { isBuiltin } from "../wasi/names.ts";
import { ROOT_INTERFACE } from "../link/plan.ts";
import type { BuiltinInterfaces } from "../link/host-functions.ts";
import { camelCase, parseFunctionName, pascalCase } from "../../lib/wit/names.ts";
import type { FunctionType, InterfaceShape, WitType } from "../../lib/wit/type.ts";
import { convertValue, type ConvertOptions } from "../../lib/wit/value.ts";
import { Unserved, found, type GuestCode, type GuestParts } from "./guest-code.ts";
import { LinkedImports } from "./linked-imports.ts";
import type { ImportOutcome } from "./protocol.ts";

// Resources that a component defines itself stay inside it: no provider could hold or drop them.
const NO_HANDLES: ConvertOptions = {
  handle: (resource) => {
    throw new TypeError(`A "${resource.name}" cannot leave the component`);
  },
};

interface Exported {
  readonly fn: (...args: unknown[]) => unknown;
  readonly owner: unknown;
  readonly type: FunctionType;
}

export async function instantiateJco(parts: GuestParts): Promise<GuestCode> {
  const { setup, script, exports } = parts;
  const instantiate = script.runInThisContext() as Instantiate; // What prepare/glue.ts makes evaluates to it.
  const made = await instantiate(
    (name) => found(setup.modules.get(name), `core module "${name}"`),
    importObjects(parts),
    parts.instantiateCore,
  );
  const functions = new Map<number, Exported>();
  const lookUp = (target: number): Exported => {
    const known = functions.get(target);
    if (known !== undefined) return known;
    const { interfaceName, name, type } = found(exports[target], `export number ${target}`);
    const owner = interfaceName === ROOT_INTERFACE ? made : found(made[interfaceName], `export "${interfaceName}"`);
    const fn = Reflect.get(Object(owner) as object, camelCase(name)) as unknown;
    if (type === undefined || typeof fn !== "function") throw new Unserved(`"${name}" cannot be called`);
    const exported = { fn: fn as Exported["fn"], owner, type }; // Checked to be a function.
    functions.set(target, exported);
    return exported;
  };
  return {
    async call(target, args) {
      const { fn, owner, type } = lookUp(target);
      const { result } = type;
      if (result === undefined) return void (await Reflect.apply(fn, owner, args));
      if (result.kind !== "result") return convertValue(result, await Reflect.apply(fn, owner, args), NO_HANDLES);
      try {
        return { tag: "ok", val: convertCase(result.ok, await Reflect.apply(fn, owner, args)) };
      } catch (error) {
        if (!isReturnedErr(error)) throw error;
        return { tag: "err", val: convertCase(result.err, error.payload) };
      }
    },
  };
}

function convertCase(type: WitType | undefined, value: unknown): unknown {
  return type === undefined ? undefined : convertValue(type, value, NO_HANDLES);
}

/** The glue's own class is out of reach; it is the only one that it gives a payload. */
function isReturnedErr(error: unknown): error is Error & { readonly payload: unknown } {
  return error instanceof Error && error.constructor.name === "ComponentError" && "payload" in error;
}

function importObjects({
  setup,
  imports,
  builtins,
  callImport,
  stream,
}: GuestParts): Readonly<Record<string, unknown>> {
  const numbers = new Map(imports.map(({ interfaceName, name }, index) => [`${interfaceName}#${name}`, index]));
  const linked = new LinkedImports(
    (interfaceName, functionName, args) =>
      callImport(found(numbers.get(`${interfaceName}#${functionName}`), `import "${functionName}"`), args, asItIs),
    stream,
  );
  return Object.fromEntries(
    setup.imports.flatMap((shape) => {
      if (isBuiltin(shape.name)) return [[shape.name, builtin(builtins, shape)]];
      const object = linked.object(shape);
      if (shape.name !== ROOT_INTERFACE) return [[shape.name, object]];
      // The glue takes each function outside any interface for a module that has nothing else.
      return shape.functions.map(({ name }) => [name, { default: object[camelCase(name)] }]);
    }),
  );
}

const asItIs = (outcome: ImportOutcome): ImportOutcome => outcome;

/** Checks that what the component asks of a built-in interface is there, so that the reason is known when it is not. */
function builtin(builtins: BuiltinInterfaces, shape: InterfaceShape): Readonly<Record<string, unknown>> {
  const members = found(builtins[unversioned(shape.name)], `"${shape.name}"`);
  for (const { name } of shape.functions) {
    const parsed = parseFunctionName(name);
    const owner = parsed.kind === "function" ? members : members[pascalCase(parsed.resource)];
    const has =
      typeof owner === "object" || typeof owner === "function"
        ? parsed.kind === "constructor" ||
          camelCase(parsed.name) in Object(parsed.kind === "method" ? Reflect.get(Object(owner), "prototype") : owner)
        : false;
    if (!has) throw new Unserved(`it imports "${name}" of "${shape.name}", which petiole does not have`);
  }
  return members;
}
