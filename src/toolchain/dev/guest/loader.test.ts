import { describe, test } from "vitest";
import { loaderObstacle, loaderSource, loaderWorld, type WorldShape } from "./loader.ts";

const func = (name: string) => ({ name, type: { params: [], result: undefined } });
const shape = (exports: readonly { name: string; functions: readonly string[] }[]): WorldShape => ({
  imports: [{ name: "wasi:keyvalue/store@0.2.0", functions: [func("open")], resources: [] }] as never,
  exports: exports.map(({ name, functions }) => ({ name, functions: functions.map(func), resources: [] })) as never,
  bareImports: [],
  bareExports: [],
});

describe("loaderWorld()", () => {
  test("adds the way to the code to the world, and leaves the rest", ({ expect }) => {
    const world = loaderWorld("package a:b;\n\nworld lamp {\n  import c:d/e;\n}\n", "lamp");
    expect(world).toContain(
      "world lamp {\n  import petiole:dev/source;\n  export petiole:dev/control;\n  import c:d/e;",
    );
    expect(world).toContain("package petiole:dev {");
  });

  test("adds it to the world that the project is for", ({ expect }) => {
    const world = loaderWorld("package a:b;\nworld first {}\nworld second\n{\n  import c:d/e;\n}\n", "second");
    expect(world).toContain("world first {}");
    expect(world).toContain("world second\n{\n  import petiole:dev/source;");
  });

  test("has none for a text without this world", ({ expect }) => {
    expect(loaderWorld("package a:b;\ninterface world-of { }\nworld lamp-2 {}", "lamp")).toBeUndefined();
  });
});

describe("loaderObstacle()", () => {
  test.for([
    [[{ name: "a:b/handler@0.1.0", functions: ["handle"] }], undefined],
    [[{ name: "a:b/store", functions: ["[constructor]bucket"] }], /a:b\/store is exported with a resource/],
    [
      [
        { name: "a:b/handler", functions: ["x"] },
        { name: "c:d/handler", functions: ["y"] },
      ],
      /one name/,
    ],
  ] as const)("of %j is %s", ([exports, want], { expect }) => {
    const found = loaderObstacle(shape(exports));
    if (want === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(want);
  });
});

test("loaderSource() hands calls on to the code that it was given, and fetches it once", async ({ expect }) => {
  const source = loaderSource(shape([{ name: "a:b/edge-handler@0.1.0", functions: ["handle-edges"] }]));
  const code =
    "const { open } = require('wasi:keyvalue/store@0.2.0'); exports.edgeHandler = { handleEdges: (n) => open(n) + 1 };";
  let reads = 0;
  const globals = globalThis as Record<string, unknown>;
  globals["petioleTest"] = { read: () => ((reads += 1), code), open: (n: number) => n * 2 };
  const runnable = source
    .replace(/^import \{ read \} from .*$/m, "const { read } = globalThis.petioleTest;")
    .replace(/^import \* as (\w+) from .*$/m, "const $1 = globalThis.petioleTest;");
  const module = (await import(`data:text/javascript,${encodeURIComponent(runnable)}`)) as {
    readonly edgeHandler: { handleEdges(n: number): number };
    readonly control: { load(): void };
  };
  module.control.load();
  expect([module.edgeHandler.handleEdges(3), module.edgeHandler.handleEdges(4), reads]).toEqual([7, 9, 1]);

  // What the world does not have, and what only sloppy code may do, is a fault as in a component of petiole build.
  for (const [text, message] of [
    ["require('a:b/none');", /The world imports no a:b\/none/],
    ["undeclared = 1;", /undeclared/],
  ] as const) {
    globals["petioleTest"] = { read: () => text };
    const other = (await import(
      `data:text/javascript,${encodeURIComponent(`${runnable}// ${text}`)}`
    )) as typeof module;
    expect(() => other.control.load()).toThrow(message);
  }
  delete globals["petioleTest"];
});

test("loaderSource() names interfaces in two parts: their names are others while a component is made", ({ expect }) => {
  const source = loaderSource(shape([]));
  expect(source.split("\n").filter((line) => line.includes("wasi:keyvalue/"))).toEqual([
    'import * as module0 from "wasi:keyvalue/store@0.2.0";',
  ]);
  expect(source).toContain('["wasi", "keyvalue/store@0.2.0", module0]');
});
