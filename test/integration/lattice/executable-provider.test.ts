// A provider that is a process: it gets its host data, is asked for its health, told of links and configuration, started again
// when it ends, and ended with all that it has started, whatever it does about that.

import { chmod, mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "@nats-io/transport-node";
import { describe, test } from "vitest";
import { connectNats } from "../../../src/adapters/lattice/connection.ts";
import {
  keepProvider,
  type KeepProviderOptions,
  type KeptProvider,
} from "../../../src/adapters/lattice/executable/keep-provider.ts";
import type { ProviderSettings } from "../../../src/adapters/lattice/wasmcloud/lattice-host.ts";
import { identify } from "../../../src/adapters/lattice/executable/process-identity.ts";
import { clearExecutables } from "../../../src/adapters/lattice/executable/stale-processes.ts";
import { millis, seconds } from "../../../src/domain/units.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger, type Logger } from "../../../src/lib/log.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { spawnProcess, tempFolder } from "../../support/processes.ts";
import { providerScript } from "../../support/provider-files.ts";
import { waitFor } from "../../support/wait-for.ts";

interface Rig extends AsyncDisposable {
  readonly nats: TestNats;
  readonly kept: KeptProvider;
  readonly folder: string;
  /** What the process wrote. */
  readonly lines: readonly string[];
  said(what: string): Promise<string>;
  settings: ProviderSettings;
}

const LINK = {
  source_id: "smooth",
  target: "store",
  name: "default",
  wit_namespace: "wasi",
  wit_package: "keyvalue",
  interfaces: ["store"],
  source_config: {},
  target_config: { bucket: "b" },
};

interface RigOptions {
  readonly behaviour?: string;
  readonly script?: Uint8Array;
  readonly keep?: Partial<KeepProviderOptions>;
}

async function startRig({ behaviour = "", script = providerScript(), keep }: RigOptions = {}): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await startNats());
  const folder = stack.use(await tempFolder()).path;
  const file = join(folder, "store");
  await writeFile(file, script);
  await chmod(file, 0o700);
  const lines: string[] = [];
  const log: Logger = {
    ...silentLogger,
    info: (message, fields) => void lines.push(message === "Provider says" ? String(fields?.["text"]) : message),
    warn: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`),
    child: () => log,
  };
  const connection = stack.use(connectNats({ servers: [nats.url], name: "test", log: silentLogger }));
  await waitFor("the connection", () => connection.state().connected);
  const shared: { settings: ProviderSettings } = { settings: { config: { behaviour, key: "value" }, links: [LINK] } };
  const kept = stack.use(
    await keepProvider({
      id: "store",
      file,
      record: `${file}.process`,
      lattice: "default",
      host: "NHOST",
      connection,
      login: async () => ({ url: nats.url, jwt: "", seed: "" }),
      settings: () => shared.settings,
      env: { RUST_LOG: "info" },
      logLevel: "info",
      stopDelay: millis(400),
      clock: systemClock,
      log,
      backoff: { initial: millis(20), max: millis(50) },
      healthPeriod: millis(200),
      ...keep,
    }),
  );
  const owned = stack.move();
  return {
    nats,
    kept,
    folder,
    lines,
    said: (what) =>
      waitFor(`the provider to say "${what}"`, () => lines.find((line) => line.startsWith(what))).catch(
        (cause: unknown) => {
          throw new Error(`${String(cause)}\n${lines.join("\n").slice(-3000)}`, { cause });
        },
      ),
    get settings() {
      return shared.settings;
    },
    set settings(next) {
      shared.settings = next;
      kept.refresh();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const isGone = async (pid: number): Promise<boolean> => (await identify(pid)) === undefined;
const parsed = (line: string): unknown => JSON.parse(line.slice(line.indexOf("{")));

describe("keepProvider()", () => {
  test("tells a process all it has to know, in an environment without anything else", async ({ expect }) => {
    await using rig = await startRig();
    const told = parsed(await rig.said("host data")) as Record<string, unknown>;
    expect(told).toEqual({
      host: "NHOST",
      config: { behaviour: "", key: "value" },
      links: [{ ...LINK, source_secrets: null, target_secrets: null }],
      environment: { RUST_LOG: "info" },
      arguments: [],
    });
    await rig.said("ready");
    expect(await rig.kept.ready(seconds(20))).toBe(true);
    expect(rig.kept.report()).toMatchObject({ healthy: true, restarts: 0, lastError: undefined });
  });

  test("tells of links that come, change and go, and of another configuration", async ({ expect }) => {
    await using rig = await startRig();
    await rig.said("Provider answers");
    const second = { ...LINK, name: "second" };
    rig.settings = { ...rig.settings, links: [LINK, second] };
    expect(parsed(await rig.said('link put {"source_id":"smooth","target":"store","name":"second"'))).toEqual({
      ...second,
      source_secrets: null,
      target_secrets: null,
    });
    rig.settings = { ...rig.settings, links: [{ ...LINK, target_config: { bucket: "other" } }] };
    await rig.said('link del "smooth store second wasi keyvalue"');
    await rig.said('link del "smooth store default wasi keyvalue"');
    await waitFor("the changed link", () =>
      rig.lines.some((line) => line.startsWith("link put") && line.includes('"bucket":"other"')),
    );
    rig.settings = { ...rig.settings, config: { key: "new" } };
    expect(parsed(await rig.said("config"))).toEqual({ key: "new" });
  });

  test("puts a link again that others told it to drop, while it is still wanted", async ({ expect }) => {
    await using rig = await startRig();
    await rig.said("Provider answers");
    await using other = await connect({ servers: rig.nats.url });
    const drop = (message: string): void => other.publish("wasmbus.rpc.default.store.linkdefs.del", message);
    const puts = (): number => rig.lines.filter((line) => line.startsWith("link put")).length;
    await waitFor("the link to be there", () => puts() === 1);
    drop(JSON.stringify({ ...LINK, name: "unknown" }));
    drop(JSON.stringify({ ...LINK, target_config: {} }));
    await waitFor("the link to be there again", () => puts() === 2);
    // One that is wanted no more stays away.
    rig.settings = { ...rig.settings, links: [] };
    await waitFor("the end of the link", () => rig.lines.filter((line) => line.startsWith("link del")).length === 2);
    rig.settings = { ...rig.settings, links: [{ ...LINK, name: "second" }] };
    await rig.said('link put {"source_id":"smooth","target":"store","name":"second"');
    expect(puts()).toBe(3);
  });

  test("starts it again when it is killed, with what is to be known then", async ({ expect }) => {
    await using rig = await startRig();
    await rig.said("Provider answers");
    const { pid } = rig.kept.report();
    rig.settings = { config: { key: "later" }, links: [] };
    if (pid === undefined) throw new Error("there is no process");
    process.kill(pid, "SIGKILL");
    await waitFor("another process", () => rig.kept.report().restarts === 1 && rig.kept.report().healthy === true);
    expect(rig.lines.filter((line) => line.startsWith("host data")).map(parsed)[1]).toMatchObject({
      config: { key: "later" },
      links: [],
    });
    expect(rig.lines).toContainEqual(expect.stringMatching(/^Provider process ended.*SIGKILL/));
  });

  test("says why a process does not go on running, and goes on trying", async ({ expect }) => {
    await using rig = await startRig({ behaviour: "crash" });
    await waitFor("some tries", () => rig.kept.report().restarts > 2);
    expect(rig.kept.report()).toMatchObject({
      healthy: false,
      lastError: { code: "ERR_PROVIDER_START", message: expect.stringMatching(/it ended with code 3: host data/) },
    });
  });

  test.for([
    ["by the shutdown message", "", seconds(60), ["shutting down"]],
    ["by SIGTERM when it ignores that", "ignore-shutdown", seconds(1), ["shutdown is ignored"]],
    [
      "by SIGKILL when it ignores that too",
      "ignore-shutdown,ignore-sigterm",
      seconds(1),
      ["SIGTERM is ignored", "Provider does not end"],
    ],
  ] as const)("ends it %s", async ([, behaviour, stopDelay, says], { expect }) => {
    await using rig = await startRig({ behaviour, keep: { stopDelay } });
    await rig.said("Provider answers");
    const { pid = 0 } = rig.kept.report();
    await rig.kept[Symbol.asyncDispose]();
    expect(await isGone(pid)).toBe(true);
    for (const what of says) expect(rig.lines).toContainEqual(expect.stringMatching(new RegExp(`^${what}`)));
    expect((await readdir(rig.folder)).sort()).toEqual(["store"]);
  });

  test("ends it without a server to say so, and what it has started along with it", async ({ expect }) => {
    const script = Buffer.from('#!/bin/sh\nsleep 1000 &\necho "child $!"\ncat > /dev/null\nwait\n');
    await using rig = await startRig({ script });
    const child = Number((await rig.said("child")).split(" ")[1]);
    expect(await isGone(child)).toBe(false);
    await rig.nats.kill();
    await rig.kept[Symbol.asyncDispose]();
    await waitFor("the child to be gone", () => isGone(child));
  });

  test("keeps what it says within bounds", async ({ expect }) => {
    await using rig = await startRig({ behaviour: "garbage" });
    await rig.said("Provider answers");
    const said = rig.lines.filter((line) => line.startsWith("noise") || line.startsWith("long"));
    expect(said.length).toBeGreaterThan(10);
    expect(said.length).toBeLessThan(2000);
    expect(Math.max(...rig.lines.map((line) => line.length))).toBeLessThanOrEqual(4096);
    // oxlint-disable-next-line no-control-regex -- none of them reaches the log
    expect(rig.lines.join("")).not.toMatch(/[\u0000-\u0008\u001b]/);
  });

  test("takes one that says nothing of its health for neither well nor ill", async ({ expect }) => {
    for (const behaviour of ["mute", "unreadable-health"]) {
      await using rig = await startRig({ behaviour });
      await rig.said("ready");
      expect(await rig.kept.ready(millis(500))).toBe(false);
      expect(rig.kept.report()).toMatchObject({ healthy: undefined, restarts: 0 });
    }
  });

  test("tells of one that is not well", async ({ expect }) => {
    await using rig = await startRig({ behaviour: "sick" });
    await waitFor("its health", () => rig.kept.report().healthy === false);
    expect(rig.kept.report().lastError?.message).toBe('Provider "store" is not healthy: no fuel');
  });

  test("starts it again when the note on the one that ended could not be removed", async ({ expect }) => {
    await using rig = await startRig();
    await rig.said("Provider answers");
    const record = join(rig.folder, "store.process");
    await rm(record);
    await mkdir(record);
    process.kill(rig.kept.report().pid ?? 0, "SIGKILL");
    await rig.said("Cannot remove the note");
    await rmdir(record);
    await waitFor("another process", () => rig.kept.report().restarts === 1 && rig.kept.report().healthy === true);
    expect(rig.kept.report().lastError).toBeUndefined();
  });

  test("refuses a file that cannot be run", async ({ expect }) => {
    const script = Buffer.from("#!/no/such/interpreter\n");
    await expect(startRig({ script })).rejects.toMatchObject({
      code: "ERR_PROVIDER_START",
      message: expect.stringMatching(/interpreter or loader, is not on this machine/),
    });
  });
});

describe("clearExecutables()", () => {
  test("ends what runs as it was noted down, and nothing else, and empties the folder", async ({ expect }) => {
    await using folder = await tempFolder();
    await mkdir(join(folder.path, "left-over"));
    await using left = await spawnProcess("setsid", ["sleep", "1000"]);
    await using other = await spawnProcess("setsid", ["sleep", "1000"]);
    const identity = await waitFor("the process", () => identify(left.pid));
    await writeFile(join(folder.path, "left.process"), JSON.stringify(identity));
    await writeFile(
      join(folder.path, "other.process"),
      JSON.stringify({ ...(await identify(other.pid)), started: "1" }),
    );
    await writeFile(join(folder.path, "broken.process"), "{");
    await clearExecutables(folder.path, systemClock, silentLogger);
    await left.exited;
    expect(other.child.exitCode).toBeNull();
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("gives up on one that no signal ends", async ({ expect }) => {
    await using folder = await tempFolder();
    // It leads no group, so that what is sent to its group does not reach it.
    await using left = await spawnProcess("sleep", ["1000"]);
    const identity = await waitFor("the process", () => identify(left.pid));
    await writeFile(join(folder.path, "left.process"), JSON.stringify(identity));
    const errors: string[] = [];
    const log: Logger = { ...silentLogger, error: (message) => void errors.push(message) };
    const clock = { ...systemClock, monotonic: () => millis(systemClock.monotonic() * 50) };
    await clearExecutables(folder.path, clock, log);
    expect(errors).toEqual([expect.stringContaining("cannot be ended")]);
    expect(left.child.exitCode).toBeNull();
    expect(await readdir(folder.path)).toEqual([]);
  });
});

test("no provider starts without file descriptors to spare, and the agent goes on", async ({ expect }) => {
  const module = new URL("../../../src/adapters/lattice/executable/provider-process.ts", import.meta.url).href;
  const program = `
    const { openSync } = await import("node:fs");
    const { startProviderProcess } = await import(${JSON.stringify(module)});
    try {
      for (;;) openSync("/dev/null", "r");
    } catch {}
    await startProviderProcess({
      id: "store", file: "/bin/true", record: "/nowhere", hostData: "", secrets: [], env: {}, clock: { monotonic: () => 0 }, log: {},
    }).catch((error) => console.log(error.code, error.message));
    console.log("went on");`;
  const script = 'ulimit -n 64; exec "$0" --input-type=module -e "$1"';
  await using agent = await spawnProcess("/bin/sh", ["-c", script, process.execPath, program]);
  await agent.exited;
  expect(agent.output()).toMatch(/^ERR_PROVIDER_START Cannot run provider "store": .*EMFILE$\nwent on$/m);
});

test("a provider ends with the agent that is killed", async ({ expect }) => {
  await using folder = await tempFolder();
  const file = join(folder.path, "store");
  await writeFile(file, "#!/bin/sh\ncat > /dev/null\nsleep 1000\n");
  await chmod(file, 0o700);
  const module = new URL("../../../src/adapters/lattice/executable/provider-process.ts", import.meta.url).href;
  const quiet = "{ info() {}, warn() {} }";
  const program = `
    const { startProviderProcess } = await import(${JSON.stringify(module)});
    const clock = { monotonic: () => 0, sleep: () => new Promise(() => {}) };
    const { pid } = await startProviderProcess({
      id: "store", file: ${JSON.stringify(file)}, record: ${JSON.stringify(`${file}.process`)}, hostData: "", secrets: [], env: {}, clock, log: ${quiet},
    });
    console.log(pid);
    setInterval(() => {}, 1000);`;
  await using agent = await spawnProcess(process.execPath, ["--input-type=module", "-e", program]);
  const pid = await waitFor("the provider", () => /^(\d+)$/m.exec(agent.output())?.[1]);
  expect(JSON.parse(await readFile(`${file}.process`, "utf8"))).toMatchObject({ pid: Number(pid) });
  agent.signal("SIGKILL");
  await waitFor("the provider to be gone", () => isGone(Number(pid)));
});
