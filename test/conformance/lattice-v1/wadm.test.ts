// Contract: `petiole deploy --lattice` hands a manifest to wadm by its API, once for each version, waits until wadm calls it
// deployed, and says what stands in the way.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { connectWadm } from "../../../src/adapters/lattice/wasmcloud/wadm-client.ts";
import { seconds } from "../../../src/domain/units.ts";
import { petiole, PETIOLE } from "../../support/agent.ts";
import { startModelWadm, type ModelWadm } from "../../support/model-wadm.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { spawnProcess, tempFolder, type TempFolder } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";

let stack: AsyncDisposableStack;
let nats: TestNats;
let wadm: ModelWadm;
let folder: TempFolder;
beforeAll(async () => {
  stack = new AsyncDisposableStack();
  nats = stack.use(await startNats());
  wadm = stack.use(await startModelWadm(nats.url, "works"));
  folder = stack.use(await tempFolder());
});
afterAll(async () => await stack?.[Symbol.asyncDispose]());

const OPTIONS = () => ["--lattice", "--lattice-name", "works", "--nats", nats.url, "--timeout", "10s"];
const run = (...args: readonly string[]) => petiole(...args, ...OPTIONS());

const manifest = (annotations: string, instances = 2): string => `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: thermo, annotations: ${annotations} }
spec:
  components:
    - name: api
      type: component
      properties: { image: registry.example/api:1 }
      traits: [{ type: spreadscaler, properties: { instances: ${instances}, spread: [{ name: all, requirements: {} }] } }]
`;
async function write(text: string): Promise<string> {
  const file = join(folder.path, "app.yaml");
  await writeFile(file, text);
  return file;
}
const since = (mark: number): readonly string[] => [...new Set(wadm.asked.slice(mark))];

test("a manifest is put, deployed, and waited for", async ({ expect }) => {
  const file = await write(manifest("{ version: 1.0.0 }"));
  await using child = await spawnProcess(PETIOLE, ["deploy", file, ...OPTIONS()]);
  await waitFor("the status to be asked", () => wadm.asked.includes("status.thermo"));
  expect(since(0)).toEqual(["versions.thermo", "get.thermo", "put", "deploy.thermo", "status.thermo"]);
  wadm.setStatus("thermo", "reconciling", "Scaling component");
  await waitFor("the progress", () => child.output().includes("part (SpreadScaler) is reconciling: Scaling component"));
  expect(child.child.exitCode).toBeNull();
  wadm.setStatus("thermo", "deployed");
  expect((await child.exited).code).toBe(0);
  expect(child.output()).toMatch(
    /\n\+ component thermo-api: registry\.example\/api:1, spreadscaler of 2\nthermo 1\.0\.0 is deployed\n$/,
  );
});

test("a version that wadm has is not put again, and not changed", async ({ expect }) => {
  const mark = wadm.asked.length;
  const again = await run("deploy", await write(manifest("{ version: 1.0.0 }")));
  expect([again.code, again.stdout]).toEqual([0, "nothing changes\nthermo 1.0.0 is deployed\n"]);
  const other = await run("deploy", await write(manifest("{ version: 1.0.0 }", 3)));
  expect([other.code, other.stderr]).toEqual([
    2,
    expect.stringMatching(/version: wadm has "1\.0\.0" with other contents/),
  ]);
  const planned = await run("deploy", await write(manifest("{ version: 1.1.0 }", 3)), "--dry-run");
  expect(planned.stdout).toBe("~ component thermo-api: registry.example/api:1, spreadscaler of 3\n");
  expect(since(mark)).not.toContain("put");
});

test("a new version is waited for, although wadm calls the one of before deployed a moment longer", async ({
  expect,
}) => {
  const mark = wadm.asked.length;
  wadm.tellNext("thermo", ["deployed", "deployed", "reconciling", "deployed"]);
  const { code } = await run("deploy", await write(manifest("{ version: 1.2.0 }", 3)));
  expect([code, wadm.asked.slice(mark).filter((one) => one === "status.thermo").length]).toEqual([0, 4]);
});

test("a manifest without a version is put when it differs from the newest", async ({ expect }) => {
  const mark = wadm.asked.length;
  expect((await run("deploy", await write(manifest("{}", 4)), "--no-wait")).stdout).toMatch(
    /thermo 01MADE1 is deployed; wadm is at it\n$/,
  );
  expect((await run("deploy", await write(manifest("{}", 4)), "--no-wait")).stdout).toMatch(
    /^nothing changes\nthermo 01MADE1/,
  );
  expect(wadm.asked.slice(mark).filter((one) => one === "put")).toEqual(["put"]);
  expect((await run("apps")).stdout).toMatch(
    /\nthermo +01MADE1 +01MADE1 +deployed\n {2}part +deployed +SpreadScaler\n$/,
  );
});

test("what fails says why, and whose turn it is", async ({ expect }) => {
  const broken = await run("deploy", await write(manifest("{}").replace("instances: 2", "instances: two")));
  expect([broken.code, broken.stderr]).toEqual([
    2,
    expect.stringMatching(/ERR_MANIFEST_INVALID.*\n.*app\.yaml:10:\d+: spec\.components\[0\]\.traits\[0\]/),
  ]);
  wadm.setStatus("thermo", "failed", "no host fits");
  const failed = await run("deploy", await write(manifest("{}", 4)));
  expect([failed.code, failed.stderr]).toEqual([
    2,
    expect.stringMatching(/ERR_APPLICATION_FAILED: wadm cannot deploy "thermo":\nthermo is failed: no host fits/),
  ]);
  wadm.setStatus("thermo", "waiting");
  const pending = await run("deploy", await write(manifest("{}", 4)), "--wait", "1s");
  expect([pending.code, pending.stderr]).toEqual([3, expect.stringMatching(/ERR_APPLICATION_PENDING/)]);
  const nobody = await petiole("apps", "--lattice", "--lattice-name", "other", "--nats", nats.url);
  expect([nobody.code, nobody.stderr]).toEqual([
    3,
    expect.stringMatching(/ERR_LATTICE_UNREACHABLE.*no wadm listens for the lattice "other"/),
  ]);
});

test("undeploying stops an application and forgets it, unless it is kept", async ({ expect }) => {
  expect((await run("undeploy", "thermo", "--keep")).stdout).toMatch(
    /^- component thermo-api: .*\nthermo is undeployed\n$/,
  );
  expect((await run("apps", "thermo", "--json")).stdout).toMatch(/"deployed_version":null/);
  expect((await run("undeploy", "thermo")).code).toBe(0);
  const gone = await run("undeploy", "thermo");
  expect([gone.code, gone.stderr]).toEqual([2, expect.stringMatching(/ERR_APPLICATION_UNKNOWN/)]);
});

test("an answer that cannot be read, or is a refusal, is an error and no crash", async ({ expect }) => {
  await using client = await connectWadm({
    server: nats.url,
    credentials: undefined,
    lattice: "works",
    timeout: seconds(5),
  });
  await expect(client.put("a: 1")).rejects.toMatchObject({
    code: "ERR_LATTICE_REQUEST",
    message: expect.stringMatching(/wadm refuses to put: Unable to parse/) as string,
  });
  await expect(client.manifest("nothing")).resolves.toBeUndefined();
  expect(await client.deploy("nothing", "1")).toBe(false);
});
