import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "vitest";
import { stringify } from "yaml";
import { tempFolder } from "../../../test/support/processes.ts";
import { PetioleError } from "../../domain/errors.ts";
import { planProvision, type ProvisionStep } from "./plan.ts";
import { provision, type ProvisionDeps, type ProvisionReport } from "./provision.ts";

const TOKEN = "petiole1~the-secret";

class PowerCut extends Error {}

interface Bench extends AsyncDisposable {
  readonly file: string;
  readonly target: string;
  readonly config: string;
  readonly restarts: () => number;
  /** Devices that the fleet took in, by token. */
  readonly fleet: ReadonlyMap<string, string>;
  prepare(changes?: Readonly<Record<string, unknown>>): Promise<void>;
  run(changes?: Partial<ProvisionDeps>): Promise<ProvisionReport>;
  result(): Promise<string>;
}

async function setUp(): Promise<Bench> {
  const folder = await tempFolder();
  const boot = join(folder.path, "boot", "petiole");
  await mkdir(boot, { recursive: true });
  await mkdir(join(folder.path, "etc"));
  const stateDir = join(folder.path, "state");
  const file = join(boot, "provision.yaml");
  const target = join(folder.path, "etc", "petiole.yaml");
  const config = stringify({ device: { id: "boiler-7" }, state_dir: stateDir });
  const fleet = new Map<string, string>();
  let restarts = 0;
  return {
    file,
    target,
    config,
    fleet,
    restarts: () => restarts,
    prepare: async (changes) => await writeFile(file, stringify({ provision: 1, token: TOKEN, config, ...changes })),
    run: async (changes) =>
      await provision({
        file,
        target,
        isPackaged: async (_, text) => text === "# packaged\n",
        enrol: async ({ device }, token) => {
          const owner = fleet.get(token);
          if (owner !== undefined && owner !== device.id) throw new Error("the token is spent");
          fleet.set(token, device.id);
        },
        restart: async () => void restarts++,
        now: () => 0,
        ...changes,
      }),
    result: async () => await readFile(join(boot, "result.txt"), "utf8"),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("provision()", () => {
  test("installs the configuration, enrols, and leaves no token behind", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    expect(await bench.run({ dryRun: true })).toMatchObject({ outcome: "planned", device: "boiler-7" });
    expect([existsSync(bench.target), bench.fleet.size, existsSync(bench.file)]).toEqual([false, 0, true]);
    expect(await bench.run()).toMatchObject({ outcome: "done", device: "boiler-7", enrolled: true });
    expect(await readFile(bench.target, "utf8")).toBe(bench.config);
    expect([...bench.fleet]).toEqual([[TOKEN, "boiler-7"]]);
    expect(existsSync(bench.file)).toBe(false);
    expect(await bench.result()).toBe('ok: "boiler-7" is enrolled\n1970-01-01T00:00:00.000Z\n');
    expect(bench.restarts()).toBe(2);
    expect(await bench.run()).toMatchObject({ outcome: "nothing" });
  });

  test("lets the agent's group read the configuration, whatever the unit's umask is", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    const before = process.umask(0o077);
    try {
      await bench.run();
    } finally {
      process.umask(before);
    }
    expect((await stat(bench.target)).mode & 0o777).toBe(0o640);
  });

  test("waits for no writer of a pipe in the place of its journal", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    await bench.run();
    const journal = join(dirname(dirname(bench.target)), "state", "provision.json");
    await rm(journal);
    execFileSync("mkfifo", [journal]);
    await bench.prepare();
    expect(await bench.run()).toMatchObject({ outcome: "done", steps: expect.arrayContaining(["enrol"]) });
  });

  const STEPS: readonly ProvisionStep[] = ["install-config", "restart", "enrol", "mark-done", "remove-file"];
  const cuts = STEPS.flatMap((step) => [[step, "before"] as const, [step, "after"] as const]);

  test.for(cuts)("ends the same when the power is cut at %s, %s it", async ([at, when], { expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    const onStep: ProvisionDeps["onStep"] = (step, side) => {
      if (step === at && side === when) throw new PowerCut();
    };
    await expect(bench.run({ onStep })).rejects.toThrow(PowerCut);
    // The last cut finds everything done.
    const isOver = at === "remove-file" && when === "after";
    expect(await bench.run()).toMatchObject({ outcome: isOver ? "nothing" : "done" });
    expect(await readFile(bench.target, "utf8")).toBe(bench.config);
    expect([...bench.fleet]).toEqual([[TOKEN, "boiler-7"]]);
    expect(existsSync(bench.file)).toBe(false);
  });

  test("asks the fleet again when the power was cut before its answer was kept", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    const enrol: ProvisionDeps["enrol"] = async () => {
      throw new PowerCut();
    };
    await expect(bench.run({ enrol })).rejects.toThrow(PowerCut);
    expect(await readFile(bench.file, "utf8")).toContain(TOKEN);
    expect(await bench.run()).toMatchObject({ outcome: "done", enrolled: true });
  });

  test.for([
    ["its beginning alone is blank", (text: string) => "\n".repeat(512) + text.slice(512)],
    ["all of it is blank", (text: string) => "\n".repeat(text.length)],
    ["nothing of it is", (text: string) => text],
  ] as const)("goes on with the removal when %s", async ([, damage], { expect }) => {
    await using bench = await setUp();
    // Longer than a sector, with the token behind it.
    const config = `# ${"x".repeat(700)}\n${bench.config}`;
    await bench.prepare({ config });
    const text = await readFile(bench.file, "utf8");
    const onStep: ProvisionDeps["onStep"] = (step) => {
      if (step === "remove-file") throw new PowerCut();
    };
    await expect(bench.run({ onStep })).rejects.toThrow(PowerCut);
    await writeFile(bench.file, damage(text));
    const never = async (): Promise<never> => expect.unreachable("it is enrolled");
    expect(await bench.run({ enrol: never })).toMatchObject({ outcome: "done", device: "boiler-7" });
    expect(existsSync(bench.file)).toBe(false);
  });

  test("takes a second file for what it is", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    await bench.run();
    await bench.prepare({ token: "petiole1~another" });
    await bench.run();
    expect([...bench.fleet.keys()]).toEqual([TOKEN, "petiole1~another"]);
  });

  test("replaces no configuration that somebody made, unless it is told to", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare();
    await writeFile(bench.target, "device: { id: other }\n");
    await expect(bench.run()).rejects.toMatchObject({ code: "ERR_PROVISION_CONFLICT" });
    expect(await readFile(bench.target, "utf8")).toBe("device: { id: other }\n");
    expect([bench.fleet.size, bench.restarts(), existsSync(bench.file)]).toEqual([0, 0, true]);
    expect(await bench.result()).toMatch(/^failed: ERR_PROVISION_CONFLICT: /);
    await bench.prepare({ replace_config: true });
    await bench.run();
    expect(await readFile(bench.target, "utf8")).toBe(bench.config);
  });

  test("replaces the configuration that the package brought", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare({ token: undefined });
    await writeFile(bench.target, "# packaged\n");
    expect(await bench.run()).toMatchObject({ outcome: "done", device: "boiler-7", enrolled: false });
    expect(await readFile(bench.target, "utf8")).toBe(bench.config);
  });

  test("keeps the file, says why, and works with the configuration while the hub cannot be reached", async ({
    expect,
  }) => {
    await using bench = await setUp();
    await bench.prepare();
    const enrol = async (): Promise<never> => {
      throw new PetioleError("ERR_LATTICE_UNREACHABLE", "Cannot reach the hub");
    };
    await expect(bench.run({ enrol })).rejects.toMatchObject({ code: "ERR_LATTICE_UNREACHABLE", retryable: true });
    expect(await bench.result()).toMatch(/^failed: ERR_LATTICE_UNREACHABLE: Cannot reach the hub\n/);
    expect(await readFile(bench.target, "utf8")).toBe(bench.config);
    expect([bench.restarts(), existsSync(bench.file)]).toEqual([1, true]);
    await expect(bench.run({ enrol })).rejects.toThrow();
    // The agent has that configuration already.
    expect(bench.restarts()).toBe(1);
    await bench.run();
    expect(await bench.result()).toMatch(/^ok: /);
  });

  test.for([
    ["provision: 1\nconfig: 'device: { id: d }'\ncolour: red\n", /provision\.yaml:3:1: colour: this key is not known/],
    ["provision: 2\nconfig: 'device: { id: d }'\n", /:1:1: provision: want 1/],
    ["provision: 1\n", /config: Invalid input/],
    ["provision: [\n", /found 1 fault/],
  ] as const)("refuses %j and shows where", async ([text, reason], { expect }) => {
    await using bench = await setUp();
    await writeFile(bench.file, text);
    await expect(bench.run()).rejects.toMatchObject({
      code: "ERR_PROVISION_INVALID",
      message: expect.stringMatching(reason),
    });
    expect(existsSync(bench.target)).toBe(false);
  });

  test("refuses a configuration with faults, and a file of any size", async ({ expect }) => {
    await using bench = await setUp();
    await bench.prepare({ config: "device: {}\n" });
    await expect(bench.run()).rejects.toMatchObject({ code: "ERR_CONFIG_INVALID" });
    await truncate(bench.file, 10 * 1024 ** 2);
    await expect(bench.run()).rejects.toMatchObject({ code: "ERR_PROVISION_FILE" });
  });
});

test("planProvision() only removes the file of a device that needs nothing more", ({ expect }) => {
  const file = { config: "a", token: undefined, replaceConfig: false };
  const steps = planProvision({ file, config: "a", isPackaged: false });
  expect(steps).toEqual(["install-config", "mark-done", "remove-file"]);
});
