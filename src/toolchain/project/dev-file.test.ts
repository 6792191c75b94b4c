import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { readDevFile } from "./dev-file.ts";

async function devFile(text: string) {
  const folder = await mkdtemp(join(tmpdir(), "petiole-dev-file-"));
  await writeFile(join(folder, "dev.yaml"), text);
  return { file: join(folder, "dev.yaml"), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe("readDevFile()", () => {
  test("replaces the configuration of a capability by its name", async ({ expect }) => {
    await using made = await devFile("providers: { pins: { config: { chip: { backend: simulated } } } }\n");
    expect(await readDevFile(made.file)).toEqual({
      providers: { pins: { config: { chip: { backend: "simulated" } } } },
      simulate: {},
      components: {},
    });
  });

  test("is empty where there is none, and where nothing is in it", async ({ expect }) => {
    await using made = await devFile("# nothing\n");
    expect(await readDevFile(made.file)).toEqual({ providers: {}, simulate: {}, components: {} });
    expect(await readDevFile(`${made.file}.none`)).toEqual({ providers: {}, simulate: {}, components: {} });
  });

  test.for(["provider: {}", "a: [", "providers: { pins: { kind: gpio } }"])("refuses %s", async (text, { expect }) => {
    await using made = await devFile(text);
    await expect(readDevFile(made.file)).rejects.toMatchObject({ code: "ERR_PROJECT_INVALID" });
  });
});
