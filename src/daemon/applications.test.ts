import { describe, test } from "vitest";
import type { ComponentStatus } from "../domain/status.ts";
import type { WantedState } from "../domain/workload.ts";
import type { HostStatus } from "../host/host.ts";
import { silentLogger } from "../lib/log.ts";
import { createApplications, type Applications } from "./applications.ts";

const NOTHING: WantedState = { components: [], providers: [], links: [] };

interface Rig {
  readonly applications: Applications;
  /** What is in the store. */
  readonly stored: Map<string, string>;
  own: WantedState;
  running: Partial<HostStatus>;
  refreshes: number;
  /** Of every file. */
  digest: string | undefined;
}

async function open(stored: Map<string, string> = new Map()): Promise<Rig> {
  const rig: Omit<Rig, "applications"> = { stored, own: NOTHING, running: {}, refreshes: 0, digest: undefined };
  const applications = createApplications({
    state: {
      load: async (name) => stored.get(name),
      save: async (name, text) => void stored.set(name, text ?? ""),
    },
    log: silentLogger,
    view: () => ({
      labels: {},
      providerType: (image) => (image === "petiole://keyvalue-memory" ? "keyvalue-memory" : undefined),
      componentProblem: () => undefined,
      secret: () => ({ problem: "no secrets here" }),
      namedConfig: () => undefined,
    }),
    own: () => rig.own,
    latticeIds: () => [],
    digestOf: async (file) => (file === "/opt/x.wasm" ? rig.digest : undefined),
    refresh: async () => void rig.refreshes++,
    running: () => ({ components: [], providers: [], links: [], ...rig.running }),
  });
  await applications.load();
  return Object.assign(rig, { applications });
}

const manifest = (name: string, image = "file://x.wasm"): string => `
apiVersion: core.oam.dev/v1beta1
kind: Application
metadata: { name: ${name}, annotations: {} }
spec:
  components:
    - name: api
      type: component
      properties: { image: "${image}" }
      traits:
        - { type: daemonscaler, properties: { instances: 1 } }
        - { type: link, properties: { namespace: wasi, package: keyvalue, interfaces: [store], target: { name: kv } } }
    - { name: kv, type: capability, properties: { image: petiole://keyvalue-memory } }
`;
const deploy = (rig: Rig, text: string, dryRun = false) =>
  rig.applications.deploy({ source: "app.yaml", folder: "/opt", text, dryRun });
const ids = ({ components, providers, links }: WantedState): string[] => [
  ...[...components, ...providers].map(({ id }) => id),
  ...links.map(({ source, target }) => `${source} → ${target}`),
];

describe("createApplications()", () => {
  test("wants what its manifests say, with paths from where they lie, also after a restart", async ({ expect }) => {
    const rig = await open();
    await deploy(rig, manifest("thermo"));
    const wanted = rig.applications.wanted(NOTHING);
    expect(ids(wanted)).toEqual(["thermo-api", "thermo-kv", "thermo-api → thermo-kv"]);
    expect(wanted.components[0]).toMatchObject({ file: "/opt/x.wasm", links: "late" });
    const again = await open(rig.stored);
    expect(again.applications.wanted(NOTHING)).toEqual(wanted);
    expect([rig.refreshes, again.refreshes]).toEqual([1, 0]);
  });

  test("changes nothing on a dry run, and when nothing is new", async ({ expect }) => {
    const rig = await open();
    expect((await deploy(rig, manifest("thermo"), true)).changes).toHaveLength(3);
    expect([rig.stored.size, rig.refreshes]).toEqual([0, 0]);
    await deploy(rig, manifest("thermo"));
    expect(await deploy(rig, `# the same\n${manifest("thermo")}`)).toMatchObject({ outcome: "unchanged", changes: [] });
    expect(rig.refreshes).toBe(1);
  });

  test("takes a file that has other bytes for another version of the application", async ({ expect }) => {
    const rig = await open();
    const [first, second] = ["1", "2"].map((one) => `sha256:${one.repeat(64)}`);
    const versioned = (version: string) => manifest("thermo").replace("{}", `{ version: ${version} }`);
    rig.digest = first;
    await deploy(rig, versioned("1.0.0"));
    expect(await deploy(rig, versioned("1.0.0"))).toMatchObject({ outcome: "unchanged" });
    expect(rig.applications.wanted(NOTHING).components[0]).toMatchObject({ file: "/opt/x.wasm", digest: first });

    rig.digest = second;
    await expect(deploy(rig, versioned("1.0.0"))).rejects.toThrow(/"1\.0\.0" is deployed with other contents/);
    expect(await deploy(rig, versioned("1.1.0"))).toMatchObject({
      outcome: "changed",
      changes: [{ action: "change", kind: "component", id: "thermo-api" }],
    });
    const again = await open(rig.stored);
    expect(again.applications.wanted(NOTHING).components[0]).toMatchObject({ digest: second });

    // A file that was not there yet is no other one.
    const early = await open();
    await deploy(early, versioned("1.0.0"));
    early.digest = first;
    expect(await deploy(early, versioned("1.0.0"))).toMatchObject({ outcome: "changed" });
    expect([early.refreshes, early.applications.wanted(NOTHING).components[0]?.digest]).toEqual([2, first]);
  });

  test("gives way to the device's own configuration, and says so", async ({ expect }) => {
    const rig = await open();
    await deploy(rig, manifest("thermo"));
    rig.own = { ...NOTHING, providers: [{ id: "thermo-kv", type: "keyvalue-sqlite", config: undefined }] };
    expect(ids(rig.applications.wanted(rig.own))).toEqual(["thermo-api"]);
    const [status] = rig.applications.list();
    expect(status?.items.map(({ state }) => state)).toEqual(["starting", "taken"]);
    expect(status).toMatchObject({ state: "failed", links: [{ state: "taken" }] });
  });

  test("does not take an id that another application has", async ({ expect }) => {
    const rig = await open();
    await deploy(rig, manifest("a"));
    const other = manifest("b").replace("petiole://keyvalue-memory }", "petiole://keyvalue-memory, id: a-kv }");
    await expect(deploy(rig, other)).rejects.toMatchObject({
      code: "ERR_MANIFEST_UNSUPPORTED",
      message: expect.stringMatching(/app\.yaml:13:\d+: .*its id is "a-kv": the application "a" has it/) as string,
    });
  });

  test("keeps what it cannot read, shows it, and lets it be taken away", async ({ expect }) => {
    const broken = { source: "old.yaml", folder: "/", text: "kind: [" };
    const rig = await open(new Map([["applications", JSON.stringify({ applications: [broken] })]]));
    expect(rig.applications.list()).toEqual([
      expect.objectContaining({
        name: "old.yaml",
        state: "failed",
        problem: expect.objectContaining({ code: "ERR_MANIFEST_INVALID" }) as object,
      }),
    ]);
    await deploy(rig, manifest("thermo"));
    expect(rig.stored.get("applications")).toContain("kind: [");
    await rig.applications.undeploy({ name: "old.yaml", dryRun: false });
    expect(rig.stored.get("applications")).not.toContain("kind: [");
    const damaged = await open(new Map([["applications", "no JSON"]]));
    expect(damaged.applications.list()).toEqual([]);
  });

  test("has a bound", async ({ expect }) => {
    const rig = await open();
    for (let index = 0; index < 64; index++) await deploy(rig, manifest(`app-${index}`));
    await expect(deploy(rig, manifest("one-more"))).rejects.toMatchObject({ code: "ERR_APPLICATION_CONFLICT" });
  });

  test("tells of a new version that runs on trial, is refused, or waits for its image", async ({ expect }) => {
    const rig = await open();
    await deploy(rig, manifest("thermo"));
    const state = (status: Partial<ComponentStatus>) => {
      const component = { id: "thermo-api", state: "running", image: undefined, lastError: undefined, ...status };
      // Only what is looked at.
      rig.running = { components: [component as ComponentStatus] };
      return rig.applications.list()[0]?.items[0];
    };
    const update = { from: undefined, to: undefined, left: undefined, reason: undefined };
    const reason = { code: "ERR_COMPONENT_TRAP", message: "it trapped" };
    expect(state({ update: { ...update, state: "starting" } })?.state).toBe("starting");
    expect(state({ update: { ...update, state: "trial" } })?.state).toBe("running");
    expect(state({ update: { ...update, state: "rolled-back", reason } })).toMatchObject({
      state: "failed",
      lastError: reason,
    });
    expect(state({ image: { reference: "x", digest: undefined, fetching: "resolving" } })?.state).toBe("fetching");
  });
});
