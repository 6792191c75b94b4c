import vm from "node:vm";
import { describe, test } from "vitest";
import { glueScript, type Instantiate } from "./glue.ts";

const MODULE = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

const GLUE = `"use components";
export function instantiate(getCoreModule, imports, instantiateCore = WebAssembly.instantiate) {
  const _debugLog = (...args) => {
    if (!globalThis?.process?.env?.JCO_DEBUG) { return; }
    throw new Error("logged");
  }
  function rscTableCreateOwn(table, rep) {
    table._createdReps.add(rep);
  }
  const handleTable1 = [0];
  handleTable1._createdReps = new Set();
  if (!getCoreModule) getCoreModule = (name) => fetchCompile(new URL(\`./\${name}\`, import.meta.url));
  _debugLog("x");
  rscTableCreateOwn(handleTable1, 1);
  return { handleTable1, name: getCoreModule("a") };
}

export const _util = {

}
`;

describe("glueScript()", () => {
  test("makes a script that evaluates to instantiate", ({ expect }) => {
    const instantiate = new vm.Script(glueScript(GLUE)).runInThisContext() as Instantiate;
    const made = instantiate(
      () => MODULE,
      {},
      () => {
        throw new Error("not called");
      },
    );
    // The handle table keeps no set of every handle ever made.
    expect(made).toEqual({ handleTable1: [0], name: MODULE });
    expect(Object.keys(Reflect.get(made, "handleTable1") as object)).toEqual(["0"]);
  });

  test("leaves the set of created handles where the glue reads it", ({ expect }) => {
    const reading = GLUE.replace("  if (!getCoreModule)", "  handleTable1._createdReps.has(1);\n  if (!getCoreModule)");
    expect(glueScript(reading)).toContain("table._createdReps.add(rep);");
  });

  test("accepts glue without resources", ({ expect }) => {
    expect(glueScript(GLUE.replaceAll(/^.*_createdReps.*$/gm, ""))).toContain("return instantiate;");
  });

  test("refuses glue of another form", ({ expect }) => {
    expect(() => glueScript(GLUE.replace("export function instantiate", "export function start"))).toThrow(
      /found no instantiate/,
    );
    expect(() => glueScript(`import x from "y";\n${GLUE}`)).toThrow(/import or export/);
    expect(() => glueScript(GLUE.replace('_debugLog("x")', "import.meta.url"))).toThrow(/import or export/);
  });
});
