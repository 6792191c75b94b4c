// Contract: `petiole lattice` does from any machine what wash does: find hosts, start, scale, link, configure, stop, and watch.

import { afterAll, beforeAll, test } from "vitest";
import { petiole, PETIOLE } from "../../support/agent.ts";
import { spawnProcess } from "../../support/processes.ts";
import { waitFor } from "../../support/wait-for.ts";
import { BUTTON_LAMP, SMOOTHER, startLatticeRig, type Json, type LatticeRig } from "./support.ts";

let rig: LatticeRig;
beforeAll(async () => {
  rig = await startLatticeRig({ lattice: { name: "works", labels: { zone: "edge" } } });
});
afterAll(async () => await rig?.[Symbol.asyncDispose]());

const run = (...args: readonly string[]) =>
  petiole("lattice", ...args, "--nats", rig.hub.url, "--lattice", "works", "--timeout", "2s");
async function json(...args: readonly string[]): Promise<Json> {
  const { code, stdout, stderr } = await run(...args, "--json");
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Json;
}

test("hosts and inventory, as a table and as JSON", async ({ expect }) => {
  const { stdout } = await run("hosts");
  expect(stdout).toMatch(new RegExp(`^HOST +ID +VERSION +UP +LABELS\\ngw-1 +${rig.host} +\\d.* zone=edge\\n$`));
  expect(await json("hosts")).toEqual({ hosts: [expect.objectContaining({ id: rig.host, friendly_name: "gw-1" })] });
  expect((await run("inventory", "gw-")).stdout).toMatch(/nothing runs\n$/);
});

test("a component and a provider are started, linked, scaled and stopped", async ({ expect }) => {
  await using events = await spawnProcess(PETIOLE, [
    "lattice",
    "events",
    "--follow",
    "--json",
    "--nats",
    rig.hub.url,
    "--lattice",
    "works",
  ]);
  await waitFor("an event", () => events.output().includes("host_heartbeat"));

  expect((await run("config", "put", "limits", "limit=40", "factor=1")).stdout).toBe("limits is stored\n");
  expect(await json("config", "get", "limits")).toEqual({ name: "limits", config: { limit: "40", factor: "1" } });
  expect(await json("start", SMOOTHER, "smooth", "--count", "2", "--config", "limits")).toEqual({
    host: rig.host,
    id: "smooth",
    reference: SMOOTHER,
    count: 2,
  });
  expect((await run("start", "petiole://keyvalue-memory", "store", "--host", rig.host)).code).toBe(0);
  const put = await run("link", "put", "smooth", "store", "wasi:keyvalue/store", "wasi:keyvalue/atomics");
  expect(put.stdout).toBe("smooth is linked to store\n");
  expect((await run("link", "list")).stdout).toMatch(/smooth +store +default +wasi:keyvalue\/store,atomics +- +-/);
  expect((await run("scale", "smooth", "5", "--config", "limits")).code).toBe(0);
  const { stdout } = await run("inventory");
  expect(stdout).toMatch(/smooth +component +5 +file:/);
  expect(stdout).toMatch(/store +provider +- +petiole:\/\/keyvalue-memory/);

  expect((await run("link", "del", "smooth", "wasi:keyvalue")).code).toBe(0);
  expect(await json("link", "list")).toEqual({ links: [] });
  for (const id of ["smooth", "store"]) expect((await run("stop", id)).stdout).toContain("was stopped");
  expect((await run("inventory")).stdout).toMatch(/nothing runs/);
  expect((await run("config", "del", "limits")).code).toBe(0);

  const seen = events
    .output()
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { readonly name: string }).name);
  for (const name of [
    "config_set",
    "component_scaled",
    "provider_started",
    "linkdef_set",
    "linkdef_deleted",
    "provider_stopped",
  ]) {
    expect(seen).toContain(name);
  }
});

test("what fails says why, and whose turn it is", async ({ expect }) => {
  const failures = [
    [["start", "file:///etc/passwd", "x"], 2, /no host takes it/],
    [["start", "file:///etc/passwd", "x", "--host", "gw-1"], 2, /want a file below/],
    [["start", BUTTON_LAMP, "x", "--host", "nobody"], 2, /no host answers to it/],
    [["stop", "ghost"], 2, /it runs on no host/],
    [["config", "get", "ghost"], 2, /no such configuration/],
    [["config", "put", "odd", "nopair"], 2, /want key=value/],
    [["link", "put", "a", "b", "store"], 2, /want a name such as wasi:keyvalue\/store/],
  ] as const;
  for (const [args, code, reason] of failures) {
    const result = await run(...args);
    expect(result.stderr).toMatch(reason);
    expect(result.code).toBe(code);
  }
  const away = await petiole("lattice", "hosts", "--nats", "nats://127.0.0.1:1");
  expect(away).toMatchObject({ code: 3, stderr: expect.stringMatching(/ERR_LATTICE_UNREACHABLE: Cannot connect to/) });
  const nobody = await petiole("lattice", "config", "get", "x", "--nats", rig.hub.url, "--lattice", "other");
  expect(nobody.stderr).toMatch(/no host of the lattice "other" listens/);
});
