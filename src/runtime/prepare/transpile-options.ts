import type { GenerateOptions } from "@bytecodealliance/jco-transpile/component";
import { unversioned } from "../../domain/wit-name.ts";
import type { ComponentInspection } from "../binary/component-binary.ts";
import { isBuiltin, WAITING_BUILTINS } from "../wasi/names.ts";

/** Part of the engine key; a test holds it to the version that is installed. */
export const TRANSPILER = "@bytecodealliance/jco-transpile 0.15.0";

/** How a component with these imports and exports is transpiled. */
export function transpileOptions(component: ComponentInspection): GenerateOptions {
  const imports = component.imports.flatMap(({ name, functions }) =>
    functions.filter((one) => mayWait(name, one.name)).map((one) => `${name}#${one.name}`),
  );
  const exports = component.exports.flatMap(({ name, functions }) => functions.map((one) => `${name}#${one.name}`));
  // Functions outside any interface may wait, all of them.
  imports.push(...component.bareImports.map((one) => one.name));
  exports.push(...component.bareExports.map((one) => one.name));
  return {
    name: "component",
    instantiation: { tag: "async" },
    asyncMode: { tag: "jspi", val: { imports, exports } },
    // Mapped to themselves: otherwise the glue asks for its imports by names without versions, and two versions of one
    // interface would be one.
    map: component.imports.map(({ name }) => [name, name]),
    noNodejsCompat: true,
    noTypescript: true,
    // The wrapping tells an `err` that the component returned from a trap.
    noComponentErrorWrapping: false,
    base64Cutoff: 0,
  };
}

/** True when the guest has to be suspended during the call: the answer comes from another thread, or from a timer. */
export function mayWait(interfaceName: string, functionName: string): boolean {
  return !isBuiltin(interfaceName) || WAITING_BUILTINS.has(`${unversioned(interfaceName)}#${functionName}`);
}
