import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { readProject } from "./project.ts";

async function project(content: unknown, world = "package a:b;\nworld demo {}\n") {
  const folder = await mkdtemp(join(tmpdir(), "petiole-project-"));
  await mkdir(join(folder, "wit"));
  await writeFile(join(folder, "package.json"), typeof content === "string" ? content : JSON.stringify(content));
  await writeFile(join(folder, "wit", "world.wit"), world);
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe("readProject()", () => {
  test("has a default for every setting", async ({ expect }) => {
    await using made = await project({ name: "@me/lamp", version: "1.2.0", petiole: {} });
    const { folder } = made;
    expect(await readProject(folder)).toEqual({
      folder,
      name: "lamp",
      version: "1.2.0",
      entry: join(folder, "src/index.ts"),
      wit: join(folder, "wit"),
      world: "demo",
      out: join(folder, "build/lamp.wasm"),
      types: join(folder, "build/types"),
      engine: "qjs",
      manifest: join(folder, "application.yaml"),
      dev: join(folder, "dev.yaml"),
    });
  });

  test.for([
    ["a folder of something else", { name: "lamp" }, /has no "petiole"/],
    ["a setting that is not known", { name: "lamp", petiole: { entyr: "a.ts" } }, /entyr/],
    ["a name that no component can have", { name: "Lamp", petiole: {} }, /want lower-case letters/],
    ["an engine that is not known", { name: "lamp", petiole: { engine: "v8" } }, /engine/],
    ["an out elsewhere", { name: "lamp", petiole: { out: "../lamp.wasm" } }, /want a file in the project/],
    ["what is no JSON", "{", /JSON/],
  ] as const)("refuses %s", async ([, content, message], { expect }) => {
    await using made = await project(content);
    const error: unknown = await readProject(made.folder).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ERR_PROJECT_INVALID", message: expect.stringMatching(message) });
  });

  test("refuses a folder without a package.json, and one without a world", async ({ expect }) => {
    await using made = await project({ name: "lamp", petiole: {} }, "package a:b;\n");
    await expect(readProject(join(made.folder, "wit"))).rejects.toThrow(/there is no such file; petiole new/);
    await expect(readProject(made.folder)).rejects.toThrow(/found no world/);
    await using other = await project({ name: "lamp", petiole: {} }, "package a:b;\nworld globals {}\n");
    await expect(readProject(other.folder)).rejects.toThrow(/its world is "globals"/);
  });
});
