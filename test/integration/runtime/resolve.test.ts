// Contract: the plan of a real component names, for every import of its core modules, something that V8 accepts there,
// and for every function that is lifted a core function with the memory and the helpers that it needs.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "vitest";
import { inspectComponent } from "../../../src/runtime/binary/component-binary.ts";
import type { CoreItem, LinkPlan, LinkStep } from "../../../src/runtime/link/plan.ts";
import { resolveComponent } from "../../../src/runtime/link/resolve.ts";
import { EXAMPLES, FIXTURES } from "../../support/component-files.ts";

/** Makes the core instances of a plan, with functions that do nothing for those that the host would make. */
function instantiateCore(plan: LinkPlan, bytes: Uint8Array): (item: CoreItem) => unknown {
  const instances: WebAssembly.Instance[] = [];
  const find = (item: CoreItem): unknown =>
    item.kind === "export" ? instances[item.instance]?.exports[item.name] : () => undefined;
  for (const step of stepsOf(plan, "instantiate")) {
    const range = plan.modules[step.module];
    const module = new WebAssembly.Module(Uint8Array.from(bytes.subarray(range?.start, range?.end)));
    const imports: WebAssembly.Imports = {};
    for (const { module: from, name, item } of step.imports) {
      (imports[from] ??= {})[name] = find(item);
    }
    instances.push(new WebAssembly.Instance(module, imports));
  }
  return find;
}

const stepsOf = <K extends LinkStep["kind"]>(plan: LinkPlan, kind: K): Extract<LinkStep, { kind: K }>[] =>
  plan.steps.filter((step): step is Extract<LinkStep, { kind: K }> => step.kind === kind);

describe("resolveComponent()", () => {
  test.for([...FIXTURES, ...EXAMPLES].map((file): [string, string] => [basename(file), file]))(
    "makes a plan of %s that V8 can follow",
    ([, file], { expect }) => {
      const bytes = readFileSync(file);
      const plan = resolveComponent(bytes, file);
      const find = instantiateCore(plan, bytes);
      const lifts = stepsOf(plan, "lift");
      for (const { core, options } of [
        ...lifts,
        ...stepsOf(plan, "lower").map((step) => ({ core: undefined, ...step })),
      ]) {
        if (core !== undefined) expect(find(core)).toBeTypeOf("function");
        if (options.memory !== undefined) expect(find(options.memory)).toBeInstanceOf(WebAssembly.Memory);
        for (const helper of [options.realloc, options.postReturn]) {
          if (helper !== undefined) expect(find(helper)).toBeTypeOf("function");
        }
      }
      for (const { target } of plan.exported) {
        expect(target.kind === "lifted" && lifts[target.lifted] !== undefined).toBe(true);
      }
      const { imports, exports, bareImports, bareExports } = inspectComponent(bytes, file);
      expect(plan.imports.filter(({ name }) => name !== "$root")).toEqual(imports);
      expect(plan.exports.filter(({ name }) => name !== "$root")).toEqual(exports);
      expect(plan.imports.find(({ name }) => name === "$root")?.functions ?? []).toEqual(bareImports);
      expect(plan.exports.find(({ name }) => name === "$root")?.functions ?? []).toEqual(bareExports);
      expect(plan.exported).toHaveLength(plan.exports.flatMap(({ functions }) => functions).length);
    },
  );
});
