// Contract: what `petiole new` makes is deployed to a device with the command in its README, and a new version of it too.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { buildProject } from "../../src/toolchain/build/build.ts";
import { planProject, writeProject } from "../../src/toolchain/new/new.ts";
import { listTemplates } from "../../src/toolchain/new/templates.ts";
import { readProject } from "../../src/toolchain/project/project.ts";
import { petiole, startAgent } from "../support/agent.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";

test(
  "petiole deploy takes the manifest of every template, and runs what was built",
  { timeout: 600_000 },
  async ({ expect }) => {
    await using folder = await tempFolder();
    await using agent = await startAgent({});
    const run = async (...args: readonly string[]) => await petiole(...args, "--socket", agent.socket);
    const made = new Map<string, string>();
    for (const { name } of await listTemplates()) {
      const plan = await planProject(`a-${name}`, { template: name, folder: join(folder.path, name) });
      await writeProject(plan);
      made.set(name, plan.folder);
      const { code, stdout, stderr } = await run("deploy", join(plan.folder, "application.yaml"), "--dry-run");
      expect({ code, stderr, stdout }).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`+ component a-${name}`),
      });
    }

    const project = await readProject(made.get("http") ?? "");
    await buildProject(project, { check: false });
    const port = await freePort();
    const manifest = (await readFile(project.manifest, "utf8")).replace("127.0.0.1:8080", `127.0.0.1:${port}`);
    await writeFile(project.manifest, manifest);
    const first = await run("deploy", project.manifest);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("a-http 0.1.0 is deployed and runs") });
    const greeting = async (): Promise<unknown> => await (await fetch(`http://127.0.0.1:${port}/`)).json();
    expect(await greeting()).toEqual({ greeting: "hello" });

    const source = join(project.folder, "src", "api.ts");
    await writeFile(source, (await readFile(source, "utf8")).replace("body: { greeting }", "body: { hail: greeting }"));
    await buildProject(project, { check: false });
    // A component that was built anew is another version: the agent does not say that it runs what it does not.
    const refused = await run("deploy", project.manifest);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('"0.1.0" is deployed with other contents'),
    });
    await writeFile(project.manifest, manifest.replace("version: 0.1.0", "version: 0.2.0"));
    expect(await run("deploy", project.manifest)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/~ component a-http[\s\S]*a-http 0\.2\.0 is deployed and runs/),
    });
    await waitFor("the new version", async () => JSON.stringify(await greeting()).includes("hail"), 60_000);

    // What is in the file now was never deployed: a boot does without it.
    await writeFile(project.out, "half a build");
    await agent.stop("SIGKILL");
    await agent.start();
    await waitFor("an answer after the boot", async () => (await greeting()) !== undefined, 60_000);
  },
);
