// Contract: the project of every template passes its own type check and tests, and its manifest gives the component
// what it imports.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, test } from "vitest";
import { checkApplication } from "../../../src/daemon/check-application.ts";
import { unversioned } from "../../../src/domain/wit-name.ts";
import { parseManifest } from "../../../src/oam/parse.ts";
import { translate } from "../../../src/oam/translate.ts";
import { buildProject } from "../../../src/toolchain/build/build.ts";
import { describeComponent } from "../../../src/toolchain/build/report.ts";
import { planProject, writeProject } from "../../../src/toolchain/new/new.ts";
import { listTemplates } from "../../../src/toolchain/new/templates.ts";
import { readDevFile } from "../../../src/toolchain/project/dev-file.ts";
import { readProject, type Project } from "../../../src/toolchain/project/project.ts";
import { petiole } from "../../support/agent.ts";
import { tempFolder } from "../../support/processes.ts";

const folder = await tempFolder();
afterAll(() => folder[Symbol.asyncDispose]());

async function makeProject(name: string, template: string): Promise<Project> {
  const plan = await planProject(name, { template, folder: join(folder.path, name) });
  await writeProject(plan);
  return await readProject(plan.folder);
}

test.concurrent.for((await listTemplates()).map(({ name }) => name))(
  "the project of the template %s passes its tests, and has a manifest with a link for each import and export",
  { timeout: 300_000 },
  async (template, { expect }) => {
    const project = await makeProject(`a-${template}`, template);
    const { code, stdout, stderr } = await petiole("test", "--dir", project.folder);
    expect({ code, stderr, stdout }).toMatchObject({ code: 0, stderr: "" });
    expect(stdout).toMatch(/pass [3-9]/);

    const { manifest, warnings } = parseManifest(await readFile(project.manifest, "utf8"), project.manifest);
    expect(warnings).toEqual([]);
    const translation = translate(manifest, {
      labels: {},
      providerType: (image) => image.replace("petiole://", ""),
      componentProblem: () => undefined,
      secret: () => ({ problem: "there are none here" }),
      namedConfig: () => undefined,
      application: () => undefined,
    });
    expect([translation.faults, translation.notes]).toEqual([[], []]);
    expect(await checkApplication(translation, [])).toEqual([]);
    expect(translation.components.map(({ id }) => id)).toEqual([project.name]);

    const { imports, exports } = await describeComponent(await readFile(project.out), project.out);
    const linked = (end: "source" | "target"): readonly string[] =>
      translation.links.filter((link) => link[end] === project.name).flatMap(({ interfaces }) => interfaces);
    const needed = imports.filter(({ servedBy }) => servedBy === "link").map(({ name }) => unversioned(name));
    expect(linked("source").toSorted()).toEqual(needed.toSorted());
    expect(linked("target").toSorted()).toEqual(exports.map(({ name }) => unversioned(name)).toSorted());

    const dev = await readDevFile(project.dev);
    const names = manifest.components.map(({ name }) => name);
    expect(Object.keys(dev.providers).filter((name) => !names.includes(name))).toEqual([]);
  },
);

describe("petiole build", () => {
  test("says what is wrong with a source, and with its exports, in words of the project", async ({ expect }) => {
    const project = await makeProject("broken", "gpio");
    const source = await readFile(project.entry, "utf8");
    await writeFile(project.entry, source.replace("const BUTTON", "const BUTTON: number"));
    await expect(buildProject(project)).rejects.toMatchObject({
      code: "ERR_BUILD_FAILED",
      message: expect.stringMatching(/Cannot build "broken":\nsrc\/index\.ts\(\d+,7\): error TS2322/),
    });
    await writeFile(project.entry, source.replace("handleEdges(", "handleEdge("));
    await expect(buildProject(project)).rejects.toThrow(
      /src\/index\.ts: its exports are not those of the world "broken" in wit\/world\.wit: .*handleEdges/s,
    );
    await writeFile(project.entry, `import "node:fs";\n${source}`);
    await expect(buildProject(project, { check: false })).rejects.toMatchObject({
      code: "ERR_BUILD_FAILED",
      message: expect.stringContaining("node:fs"),
    });
    await writeFile(project.entry, source);
    await writeFile(join(project.wit, "world.wit"), "package a:b;\nworld broken { import no:such/thing; }\n");
    await expect(buildProject(project)).rejects.toMatchObject({
      code: "ERR_BUILD_FAILED",
      message: expect.stringMatching(/Cannot read the WIT of the world "broken": .*no:such/s),
    });
  });

  test("says how to get the engine that does not come with it", async ({ expect }) => {
    const { folder: made } = await makeProject("monkey", "gpio");
    const { code, stderr } = await petiole("build", made, "--engine", "starlingmonkey");
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /ERR_TOOLCHAIN_MISSING: .*npm install --save-dev @bytecodealliance\/componentize-js gets it/,
    );
  });
});
