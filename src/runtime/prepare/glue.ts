// Turns the transpiler's output into the form that the worker runs.

import { PetioleError } from "../../domain/errors.ts";

/** Part of the engine key: raise it when the rewriting or the transpiler's options change. */
export const GLUE_VERSION = 5;

/** The function that a glue script evaluates to. */
export type Instantiate = (
  getCoreModule: (name: string) => WebAssembly.Module,
  imports: Readonly<Record<string, unknown>>,
  instantiateCore: (module: WebAssembly.Module, imports: WebAssembly.Imports) => WebAssembly.Instance,
) => Promise<Readonly<Record<string, unknown>>> | Readonly<Record<string, unknown>>;

interface Rewrite {
  readonly what: string;
  readonly pattern: RegExp;
  readonly by: string;
  /** True when components exist whose glue does not have it. */
  readonly optional?: boolean;
}

const REWRITES: readonly Rewrite[] = [
  { what: "instantiate()", pattern: /^export function instantiate\(/m, by: "function instantiate(" },
  { what: "the export of _util", pattern: /^export const _util = \{[^}]*\}/m, by: "" },
  // Modules come from the host only; `import.meta` would not even parse in a script.
  { what: "the default of getCoreModule", pattern: /^\s*if \(!getCoreModule\) getCoreModule = .*$/m, by: "" },
  // Reads the environment at every step of every call otherwise.
  {
    what: "the debug log",
    pattern: /^(\s*)if \(!globalThis\?\.process\?\.env\?\.JCO_DEBUG\) \{ return; \}$/m,
    by: "$1return;",
  },
];

// This set keeps an entry for every handle that the component was ever given. It is read only where parts of a composed
// component borrow from each other, and has to stay there.
const CREATED_HANDLES: readonly Rewrite[] = [
  { what: "the set of created handles", pattern: /^\s*table\._createdReps\.add\(rep\);$/m, by: "", optional: true },
  { what: "sets of created handles", pattern: /^\s*\w+\._createdReps = new Set\(\);$/gm, by: "", optional: true },
];

/**
 * The glue module as a script that evaluates to `instantiate`: it can be run from memory, so a running component needs
 * its cache entry no more.
 * @throws PetioleError ERR_INVARIANT when the transpiler's output is not what this was written for
 */
export function glueScript(source: string): string {
  let text = source;
  const rewrites = source.includes("_createdReps.has(") ? REWRITES : [...REWRITES, ...CREATED_HANDLES];
  for (const { what, pattern, by, optional } of rewrites) {
    if (optional !== true && !pattern.test(text)) {
      throw new PetioleError("ERR_INVARIANT", `Cannot rewrite the glue: found no ${what}`);
    }
    pattern.lastIndex = 0;
    text = text.replace(pattern, by);
  }
  if (/^\s*(?:import|export)\b|\bimport\.meta\b/m.test(text)) {
    throw new PetioleError("ERR_INVARIANT", "Cannot rewrite the glue: found an import or export that is not known");
  }
  return `(function () {\n"use strict";\n${text}\nreturn instantiate;\n})()`;
}
