// A component on glue of our own; see link/linked-glue.ts.

import { abi } from "../link/abi.ts";
import { createHostFunctions } from "../link/host-functions.ts";
import type { ExportedFunction, LinkedInstantiate } from "../link/linked-glue.ts";
import { builtinSignature } from "../wasi/builtin-types.ts";
import { isBuiltin } from "../wasi/names.ts";
import { ImportFailed, Unserved, found, type GuestCode, type GuestParts } from "./guest-code.ts";
import type { ImportOutcome } from "./protocol.ts";

export function instantiateLinked(parts: GuestParts): GuestCode {
  const { setup, script, exports, imports, callImport } = parts;
  const builtins = createHostFunctions(parts.builtins);
  const instantiate = script.runInThisContext() as LinkedInstantiate; // What link/emit.ts makes evaluates to it.
  const instance = instantiate({
    coreModule: (index) => found(setup.modules.get(String(index)), `core module ${index}`),
    instantiateCore: parts.instantiateCore,
    hostFunction: (interfaceName, functionName) => {
      if (isBuiltin(interfaceName)) {
        // Its objects have methods of their own besides.
        const known = builtinSignature(interfaceName, functionName) !== undefined;
        const builtin = known ? builtins.find(interfaceName, functionName) : undefined;
        if (builtin !== undefined) return builtin;
        throw new Unserved(`it imports "${functionName}" of "${interfaceName}", which petiole does not have`);
      }
      const target = imports.findIndex((one) => one.interfaceName === interfaceName && one.name === functionName);
      const type = found(imports[target]?.type, `import "${functionName}" of "${interfaceName}"`);
      const isResult = type.result?.kind === "result";
      const streams = parts.streamsOf(type.result?.kind === "result" ? type.result.ok : type.result);
      const read = streams === undefined ? (isResult ? readResult : readValue) : readStreams(isResult, streams);
      return (...args: readonly unknown[]) => callImport(target, args, read);
    },
    dropResource: (interfaceName, resourceName, representation) => {
      if (isBuiltin(interfaceName)) builtins.dropResource(interfaceName, resourceName, representation);
      else parts.dropped(interfaceName, resourceName, representation);
    },
    abi,
  });
  const functions: (ExportedFunction | undefined)[] = [];
  return {
    call(target, args) {
      let fn = functions[target];
      if (fn === undefined) {
        const { interfaceName, name } = found(exports[target], `export number ${target}`);
        fn = found(instance.exported(interfaceName, name), `function "${name}" in "${interfaceName}"`);
        functions[target] = fn;
      }
      return fn(...args);
    },
  };
}

function readValue(outcome: ImportOutcome): unknown {
  if (outcome.kind === "value") return outcome.value;
  throw new ImportFailed("an import failed");
}

/** An `err` holds no streams of providers. */
const readStreams =
  (isResult: boolean, streams: (value: unknown) => unknown) =>
  (outcome: ImportOutcome): unknown => {
    if (outcome.kind !== "value") return isResult ? readResult(outcome) : readValue(outcome);
    const value = streams(outcome.value);
    return isResult ? { tag: "ok", val: value } : value;
  };

function readResult(outcome: ImportOutcome): unknown {
  if (outcome.kind === "value") return { tag: "ok", val: outcome.value };
  if (outcome.kind === "err") return { tag: "err", val: outcome.payload };
  throw new ImportFailed("an import failed");
}
