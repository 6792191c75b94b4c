// Contract: `petiole provision`, as the unit of the first boot runs it, against a real fleet. By root, what it leaves
// belongs to the agent's user.

import { existsSync } from "node:fs";
import { chown, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { stringify } from "yaml";
import { readValidity } from "../../../src/enrolment/credentials.ts";
import { credentialsFile, enrolmentFolder } from "../../../src/lib/enrolment-folder.ts";
import { petiole } from "../../support/agent.ts";
import { startFleet } from "../../support/fleet.ts";
import { skipping } from "../../support/skip.ts";
import { waitFor } from "../../support/wait-for.ts";

/** `nobody` of Debian, who stands for the agent's user. */
const AGENT = 65_534;

test("a device gets its configuration at once, its credentials when the fleet answers, and keeps no token", async ({
  expect,
}) => {
  await using rig = await startFleet();
  const isRoot = process.getuid?.() === 0;
  const stateDir = await rig.stateDir("gw-1");
  if (isRoot) {
    await chown(stateDir, AGENT, AGENT);
    // The agent's user may reach its folder.
    await chown(rig.folder, AGENT, AGENT);
  }
  const [boot, etc] = [join(rig.folder, "boot", "petiole"), join(rig.folder, "etc")];
  for (const folder of [boot, etc]) await mkdir(folder, { recursive: true });
  const [file, target] = [join(boot, "provision.yaml"), join(etc, "petiole.yaml")];
  const config = stringify({
    device: { id: "gw-1" },
    state_dir: stateDir,
    hub: { mode: "direct", urls: [rig.nats.url], domain: "hub", enrolled: true },
  });
  const prepare = async (token: string): Promise<void> =>
    await writeFile(file, stringify({ provision: 1, token, config }));
  const run = async (...more: readonly string[]) => await petiole("provision", file, "--config", target, ...more);

  const token = rig.token({ device: "gw-1" });
  await prepare(token);
  const offline = await run();
  expect(offline).toMatchObject({ code: 3, stderr: expect.stringContaining("ERR_ENROL_UNREACHABLE") });
  expect(await readFile(join(boot, "result.txt"), "utf8")).toMatch(/^failed: ERR_ENROL_UNREACHABLE: /);
  expect(await readFile(target, "utf8")).toBe(config);
  expect(existsSync(file)).toBe(true);

  await using _serving = rig.serve();
  const done = await waitFor(
    "the fleet",
    async () => {
      const result = await run("--json");
      return result.code === 0 ? result : undefined;
    },
    60_000,
  );
  expect(JSON.parse(done.stdout)).toMatchObject({ outcome: "done", device: "gw-1", enrolled: true });
  expect(done.stdout + done.stderr).not.toContain(token);
  expect(existsSync(file)).toBe(false);
  expect(await readFile(join(boot, "result.txt"), "utf8")).toMatch(/^ok: "gw-1" is enrolled\n/);
  expect(await readValidity(credentialsFile(stateDir))).toMatchObject({ name: "gw-1" });

  if (isRoot) {
    const paths = (await readdir(enrolmentFolder(stateDir))).map((name) => join(enrolmentFolder(stateDir), name));
    expect(paths.length).toBeGreaterThan(2);
    for (const path of [...paths, enrolmentFolder(stateDir), join(stateDir, "provision.json")]) {
      expect([path, (await stat(path)).uid]).toEqual([path, AGENT]);
    }
    const { uid, gid, mode } = await stat(target);
    expect([uid, gid, mode & 0o777]).toEqual([0, AGENT, 0o640]);
  }

  // The power was cut when all but the removal was done: the token is spent, and is not asked about again.
  await prepare(token);
  expect(await run()).toMatchObject({ code: 0, stdout: expect.stringContaining("is enrolled") });
  expect(existsSync(file)).toBe(false);
});

const isNoRoot = skipping(process.getuid?.() !== 0, "the agent's user and root", "this is not root");

test.skipIf(isNoRoot)("root follows no link that the agent's user has made", async ({ expect }) => {
  await using rig = await startFleet();
  const stateDir = await rig.stateDir("gw-1");
  await mkdir(join(rig.folder, "secret"), { mode: 0o700 });
  await symlink(join(rig.folder, "secret"), enrolmentFolder(stateDir));
  for (const folder of [stateDir, rig.folder]) await chown(folder, AGENT, AGENT);
  const [file, target] = [join(rig.folder, "provision.yaml"), join(rig.folder, "petiole.yaml")];
  const config = stringify({ device: { id: "gw-1" }, state_dir: stateDir });
  await writeFile(file, stringify({ provision: 1, token: rig.token(), config }));
  const provisioned = await petiole("provision", file, "--config", target);
  const enrolled = await petiole("enrol", "--config", target, "--token", rig.token());
  for (const result of [provisioned, enrolled]) {
    expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining("ERR_ENROL_STATE") });
  }
  expect(await readdir(join(rig.folder, "secret"))).toEqual([]);
  expect((await stat(join(rig.folder, "secret"))).uid).toBe(0);
});
