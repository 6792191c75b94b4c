import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "vitest";
import { planProject, writeProject } from "./new.ts";
import { dependencyOn, findOrigin } from "./origin.ts";

const ROOT = resolve(import.meta.dirname, "../../..");

async function emptyFolder() {
  const path = await mkdtemp(join(tmpdir(), "petiole-new-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe("planProject()", () => {
  test("names everything after the component, and writes nothing", async ({ expect }) => {
    await using at = await emptyFolder();
    const { files, origin } = await planProject("lamp", { template: "gpio", folder: join(at.path, "lamp") });
    expect(files.get("wit/world.wit")).toMatch(/^package local:lamp@0\.1\.0;[\s\S]*world lamp \{/);
    expect([...files].filter(([, text]) => text.includes("my-component"))).toEqual([]);
    expect([...files.keys()].filter((path) => path.startsWith("wit/deps/")).sort()).toEqual([
      "wit/deps/petiole-gpio.wit",
      "wit/deps/wasi-logging.wit",
    ]);
    expect(files.has(".gitignore")).toBe(true);
    expect(JSON.parse(files.get("package.json") ?? "")).toMatchObject({
      name: "lamp",
      scripts: { test: "petiole test" },
      devDependencies: { petiole: `file:${ROOT}` },
      petiole: {},
    });
    expect(origin).toEqual({ kind: "checkout", folder: ROOT });
    await expect(rm(join(at.path, "lamp"))).rejects.toThrow(/ENOENT/);
  });

  test.for([
    ["Lamp", /want a name of small letters/],
    ["../lamp", /want a name of small letters/],
    ["lamp-", /want a name of small letters/],
    ["world", /has a meaning of its own/],
    ["map", /has a meaning of its own/],
    ["globals", /has a meaning of its own/],
    ["a".repeat(65), /want a name of small letters/],
  ] as const)("refuses the name %s", async ([name, message], { expect }) => {
    const error: unknown = await planProject(name, { template: "gpio" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_PROJECT_NEW", message: expect.stringMatching(message) });
  });

  test("refuses a folder that is there, one that cannot be made, and a template that is none", async ({ expect }) => {
    await using at = await emptyFolder();
    const plan = (folder: string, template: string) => planProject("lamp", { template, folder });
    await expect(plan(at.path, "gpio")).rejects.toThrow(/is there already/);
    await expect(plan(join(at.path, "a", "b"), "gpio")).rejects.toThrow(/there is no folder/);
    await expect(plan(join(at.path, "lamp"), "common")).rejects.toThrow(
      /there is no template "common", want one of gpio/,
    );
  });
});

describe("writeProject()", () => {
  test("makes a folder as others are, with the types of its world", async ({ expect }) => {
    await using at = await emptyFolder();
    const plan = await planProject("roof-2", { template: "gpio", folder: join(at.path, "roof") });
    await writeProject(plan);
    expect((await stat(plan.folder)).mode & 0o777).toBe(0o777 & ~process.umask());
    expect(await readdir(join(plan.folder, "build", "types"))).toContain("roof-2.d.ts");
    expect(await readdir(at.path)).toEqual(["roof"]);
  });

  test("leaves nothing of one that cannot be made", async ({ expect }) => {
    await using at = await emptyFolder();
    const plan = await planProject("lamp", { template: "gpio", folder: join(at.path, "lamp") });
    const files = new Map([...plan.files, ["wit/world.wit", "package a:b;\nworld lamp { import no:such/thing; }\n"]]);
    await expect(writeProject({ ...plan, files })).rejects.toMatchObject({ code: "ERR_PROJECT_NEW" });
    expect(await readdir(at.path)).toEqual([]);
  });
});

describe("findOrigin()", () => {
  async function installed(at: string, resolved: string): Promise<string> {
    const root = join(at, "node_modules", "petiole");
    await mkdir(root, { recursive: true });
    const lock = { packages: { "node_modules/petiole": { version: "9.9.9", resolved } } };
    await writeFile(join(at, "node_modules", ".package-lock.json"), JSON.stringify(lock));
    return root;
  }

  test("finds the archive that npm has installed", async ({ expect }) => {
    await using at = await emptyFolder();
    await writeFile(join(at.path, "petiole 1.tgz"), "");
    const origin = await findOrigin(await installed(join(at.path, "x"), "file:../petiole%201.tgz"));
    expect(origin).toEqual({ kind: "archive", file: join(at.path, "petiole 1.tgz") });
    expect(dependencyOn(origin)).toBe(`file:${join(at.path, "petiole 1.tgz")}`);
  });

  test("is a version where the archive is gone, or came from a registry", async ({ expect }) => {
    await using at = await emptyFolder();
    for (const resolved of ["file:../gone.tgz", "https://registry.example/petiole-9.9.9.tgz"]) {
      expect(await findOrigin(await installed(at.path, resolved))).toMatchObject({ kind: "version" });
    }
  });
});
