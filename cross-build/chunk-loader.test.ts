import { createRequire } from "node:module";
import { describe, test } from "vitest";
import { chunkLoader } from "./chunk-loader.ts";

interface Chunk {
  readonly names: readonly string[];
  readonly code: string;
}

const evaluated: string[] = [];

/** The loader of an executable with these chunks, each of which tells when it is evaluated. */
function loaderOf(chunks: Readonly<Record<string, Chunk>>): ReturnType<typeof chunkLoader> {
  evaluated.length = 0;
  Object.assign(globalThis, { evaluated });
  let pack = "";
  const table = Object.entries(chunks).map(([file, { names, code }]) => {
    const text = `evaluated.push("${file}");${code}`;
    pack += text;
    return [file, [pack.length - text.length, text.length, ...names]] as const;
  });
  const assets = new Map([
    ["chunks", Buffer.from(pack, "latin1")],
    ["table", Buffer.from(JSON.stringify(Object.fromEntries(table)))],
  ]);
  const node = createRequire(import.meta.url);
  const builtin = (id: string): object =>
    id === "node:sea" ? { getRawAsset: (name: string) => assets.get(name) } : (node(id) as object);
  return chunkLoader({ builtin, pack: "chunks", table: "table" });
}

const exporting = (name: string, value: string): string =>
  `Object.defineProperty(exports, "${name}", { enumerable: true, get: () => ${value} });`;

const chunk = (code: string, ...names: string[]): Chunk => ({ names, code });

describe("chunkLoader()", () => {
  const numbers = chunk(
    `let count = 0; const add = () => { count += 1; }; ${exporting("count", "count")}${exporting("add", "add")}`,
    "count",
    "add",
  );
  const user = chunk(
    `const numbers = require("./numbers"); ${exporting("use", "() => { numbers.add(); return numbers.count; }")}`,
    "use",
  );

  test("evaluates a chunk when something of it is used, once, and variables stay what they are", ({ expect }) => {
    const load = loaderOf({ numbers, user });
    const { use } = load.now("./user") as { use: () => number };
    expect(evaluated).toEqual(["user"]);
    expect([use(), use()]).toEqual([1, 2]);
    expect(evaluated).toEqual(["user", "numbers"]);
    expect(Object.keys(load.now("./numbers"))).toEqual(["count", "add"]);
    expect(load("./numbers")).toBe(load.now("./numbers"));
  });

  test("is asked for what is not exported without evaluating anything, as when it is awaited", async ({ expect }) => {
    const load = loaderOf({ numbers });
    const exports = load("./numbers");
    expect(await Promise.resolve(exports)).toBe(exports);
    expect(evaluated).toEqual([]);
  });

  test("takes what is assigned to its exports", ({ expect }) => {
    const load = loaderOf({ old: chunk("exports.size = 3;", "size") });
    expect((load("./old") as { size: number }).size).toBe(3);
  });

  test("tells each time why a chunk cannot be evaluated", ({ expect }) => {
    const load = loaderOf({ broken: chunk('throw new Error("out of order");', "part") });
    const broken = load("./broken") as { part: unknown };
    for (let count = 0; count < 2; count += 1) expect(() => broken.part).toThrow("out of order");
  });

  test("names the chunk that a circle of imports needs too early", ({ expect }) => {
    const half = (other: string): Chunk => chunk(`const o = require("./${other}"); exports.part = [o.part];`, "part");
    const load = loaderOf({ one: half("two"), two: half("one") });
    expect(() => load.now("./one")).toThrow('"one" has no "part" yet: it is in a circle of imports');
  });

  test("has no chunk and no part of Node that is not there, as packages expect to be told", ({ expect }) => {
    const load = loaderOf({});
    for (const id of ["./none", "node:none"]) {
      expect(() => load(id)).toThrow(expect.objectContaining({ code: "MODULE_NOT_FOUND" }) as Error);
    }
  });

  test("loads a large part of Node when something of it is used", ({ expect }) => {
    const load = loaderOf({});
    const { isIP } = load("node:net") as { isIP: (text: string) => number };
    expect(isIP("::1")).toBe(6);
  });
});
