// Contract: an operator makes a fleet with the commands of petiole, and devices that enrol while the hub and the
// fleet's service are killed under them get in, each once and none twice.

import { lstat, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "vitest";
import { stringify } from "yaml";
import { PETIOLE, petiole } from "../support/agent.ts";
import { startFleet, unixNow, type FleetRig } from "../support/fleet.ts";
import { spawnProcess, tempFolder, type TestProcess } from "../support/processes.ts";
import { waitFor } from "../support/wait-for.ts";
import { enrolDevice } from "../../src/enrolment/enrol.ts";
import { issueToken } from "../../src/fleet/tokens.ts";

async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await petiole(...args);
  if (code !== 0) throw new Error(`petiole ${args.join(" ")} ended with ${code}:\n${stderr}`);
  return stdout;
}

const folderOf = (rig: FleetRig): string => rig.fleet.folder;

/** Each command is a process, and machines may be busy. */
const PATIENT = { timeout: 300_000 };

async function deviceConfig(folder: string, url: string): Promise<string> {
  const file = join(folder, "petiole.yaml");
  const paths = { state_dir: "state", cache_dir: "cache", runtime_dir: "run" };
  const hub = { mode: "direct", urls: [url], enrolled: true };
  await writeFile(file, stringify({ device: { id: "gw-1" }, ...paths, hub }));
  return file;
}

const serve = async (fleet: string): Promise<TestProcess> =>
  await spawnProcess(PETIOLE, ["fleet", "serve", "--dir", fleet]);

test("init makes what a hub needs, for nobody else to read", PATIENT, async ({ expect }) => {
  await using folder = await tempFolder();
  const config = await deviceConfig(folder.path, "nats://hub.example:4222");
  const dir = join(folder.path, "fleet");
  await ok("fleet", "init", "--dir", dir, "--hub", "nats://hub.example:4222", "--config", config);
  expect(await readFile(join(dir, "hub.conf"), "utf8")).toMatch(/^operator: eyJ[\s\S]*resolver_preload/);
  expect((await stat(dir)).mode & 0o777).toBe(0o700);
  for (const file of ["hub.conf", "admin.creds", "fleet.db", "keys/operator.nk"]) {
    expect((await stat(join(dir, file))).mode & 0o077).toBe(0);
  }
});

test("a device enrols with the commands, and is listed and revoked with them", PATIENT, async ({ expect }) => {
  await using rig = await startFleet();
  const config = await deviceConfig(rig.folder, rig.nats.url);
  await using service = await serve(folderOf(rig));
  // The hub goes and comes back; whoever serves waits for it.
  await waitFor("the service", () => service.output().includes("Devices are answered"));
  await rig.nats.kill();
  await waitFor("the service to miss the hub", () => service.output().includes("Connection to NATS lost"));
  await rig.nats.restart();
  await waitFor("the service to be back", () => service.output().split("Devices are answered").length > 2, 60_000);

  const tokenFile = join(rig.folder, "gw-1.token");
  const dir = ["--dir", folderOf(rig)] as const;
  const nowhere = await petiole("fleet", "token", ...dir, "--out", join(rig.folder, "none", "gw-1.token"));
  expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining("ERR_FLEET_FOLDER") });
  expect(await ok("fleet", "tokens", ...dir)).toMatch(/ 0\/1 +withdrawn/);
  await ok("fleet", "token", ...dir, "--name", "gw-1", "--out", tokenFile, "--label", "site=north");
  expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
  const token = (await readFile(tokenFile, "utf8")).trim();
  const report = JSON.parse(await ok("enrol", "--config", config, "--token-file", tokenFile, "--json")) as {
    readonly key: string;
  };
  await expect(stat(tokenFile)).rejects.toThrow("ENOENT");
  // Such as /dev/stdin, which is not the command's own.
  const link = join(rig.folder, "link");
  await writeFile(tokenFile, token);
  await symlink(tokenFile, link);
  expect(await ok("enrol", "--config", config, "--token-file", link)).toContain("was enrolled before");
  expect((await lstat(link)).isSymbolicLink()).toBe(true);

  const devices = JSON.parse(await ok("fleet", "devices", ...dir, "--json")) as readonly object[];
  expect(devices).toMatchObject([{ name: "gw-1", key: report.key, state: "enrolled", labels: { site: "north" } }]);
  const again = await petiole("enrol", "--config", config, "--token", token, "--force");
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("token-spent")]);
  expect(await ok("fleet", "revoke", ...dir, "gw-1")).toContain("the hub knows");
  // Neither the token's secret nor a seed is in what was said or kept.
  const secret = token.slice(-58);
  expect([service.output(), again.stderr, JSON.stringify(devices)].join()).not.toContain(secret);
  service.signal("SIGTERM");
  expect((await service.exited).code).toBe(0);
});

test(
  "devices that enrol while the service is killed again and again get in, each once",
  PATIENT,
  async ({ expect }) => {
    await using rig = await startFleet();
    const { fleet } = rig;
    const names = ["gw-1", "gw-2", "gw-3", "gw-4"];
    const wanted = { profile: "default", lifetime: 600, replaces: false, labels: {} };
    // Three for four devices: one of them must stay outside.
    const { token, key } = issueToken(fleet, { ...wanted, uses: names.length - 1 }, unixNow());
    let service = await serve(folderOf(rig));
    const told = new Set<string>();
    const enrolling = names.map(async (device) => {
      const stateDir = join(rig.folder, device);
      try {
        return await waitFor(
          `${device} to be told`,
          async () => {
            try {
              await enrolDevice({ stateDir, device, token });
              return "enrolled";
            } catch (error) {
              return String(error).includes("token-spent") && "refused";
            }
          },
          120_000,
        );
      } finally {
        told.add(device);
      }
    });
    // Killed as soon as it has written another device down: most often before its answer is out.
    let known = 0;
    while (told.size < names.length) {
      const count = fleet.registry.devices().length;
      if (count > known) {
        known = count;
        await service[Symbol.asyncDispose]();
        service = await serve(folderOf(rig));
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await service[Symbol.asyncDispose]();
    const outcomes = await Promise.all(enrolling);
    expect(outcomes.filter((one) => one === "refused")).toHaveLength(1);
    expect(fleet.registry.devices()).toHaveLength(names.length - 1);
    expect(fleet.registry.token(key)?.used).toBe(names.length - 1);
  },
);
