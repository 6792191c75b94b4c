// A device and its hub, with everything in between that can break.

import { cp, mkdir, readFile, readdir, rename, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { askAgent } from "../../src/adapters/control/client.ts";
import type { LedgerEntry } from "../../src/domain/outbox.ts";
import type { OutboxReport } from "../../src/domain/outbox-report.ts";
import { millis, seconds, type Millis } from "../../src/domain/units.ts";
import { startAgent, type TestAgent } from "../support/agent.ts";
import { createFaults, type Faults } from "../support/fault-shim.ts";
import { startNats, type TestNats } from "../support/nats.ts";
import { freePort } from "../support/ports.ts";
import { tempFolder } from "../support/processes.ts";
import { mountMemory } from "../support/small-disk.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait-for.ts";
import type { Random } from "../faults/random.ts";
import { createHappenings, type Happenings } from "./happenings.ts";
import { FAULTS, type FaultKind, type PlannedFault } from "./faults.ts";
import { LOCAL_ROUTES, now } from "./producers.ts";
import { readHub, type HubContent } from "./read-hub.ts";

export type RigMode = "leaf" | "direct";

/** What this machine can do. */
export interface Means {
  /** The fault shim can be built. */
  readonly shim: boolean;
  /** File systems may be mounted. */
  readonly mount: boolean;
  /** The oldest supported nats-server, for hubs. */
  readonly floor: string | undefined;
}

export interface RigOptions {
  readonly mode: RigMode;
  readonly random: Random;
  readonly means: Means;
}

export interface Rig extends AsyncDisposable {
  readonly mode: RigMode;
  /** One line on the agent's settings. */
  readonly settings: string;
  readonly possible: readonly FaultKind[];
  readonly commitInterval: { readonly standard: Millis; readonly latest: Millis };
  /** Of the present store. */
  readonly happenings: Happenings;
  readonly socket: string;
  /** Where the device's own nats-server listens. */
  readonly localPort: number;
  /** Makes the fault happen, and ends it. */
  apply(fault: PlannedFault): Promise<void>;
  /** Everything works and runs. */
  heal(): Promise<void>;
  outbox(): Promise<OutboxReport>;
  ledger(): Promise<readonly LedgerEntry[]>;
  readHub(): Promise<HubContent>;
  /** What the hub held before each time that it was rolled back since the last call. */
  beforeRollbacks(): Promise<readonly HubContent[]>;
  /** The agent begins with an empty state directory, as a device that was set up again. */
  renewStore(): Promise<void>;
  restartAgent(): Promise<void>;
  log(): string;
}

const DOMAIN = "hub";
const DISK_SIZE = "24m";
const NEEDS: Readonly<Partial<Record<FaultKind, (options: RigOptions) => boolean>>> = {
  "leaf-kill": ({ mode }) => mode === "leaf",
  "leaf-freeze": ({ mode }) => mode === "leaf",
  "disk-full": ({ means }) => means.mount,
  "disk-error": ({ means }) => means.shim,
  "disk-slow": ({ means }) => means.shim,
  clock: ({ means }) => means.shim,
};

export async function startRig(options: RigOptions): Promise<Rig> {
  const { mode, random, means } = options;
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const domain = mode === "leaf" ? DOMAIN : undefined;
  const withDomain = domain === undefined ? {} : { domain };

  // The hub, and the link to it.
  const floor = random.chance(0.25) ? means.floor : undefined;
  const binary = floor === undefined ? {} : { binary: floor };
  const storeDir = join(folder.path, "hub");
  let hubPort = 0;
  const link = stack.use(await startTcpProxy({ port: () => hubPort }));
  const hub = stack.use(
    await startNats({
      jetstream: true,
      leafnodes: true,
      leafPortAdvertised: link.port,
      storeDir,
      ...withDomain,
      ...binary,
    }),
  );
  hubPort = mode === "leaf" ? hub.leafPort : hub.port;

  // The device.
  const faults: Faults | undefined = means.shim ? stack.use(await createFaults()) : undefined;
  const stateDir = faults?.dir ?? join(folder.path, "state");
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  if (means.mount) stack.use(await mountMemory(stateDir, DISK_SIZE));
  const localPort = await freePort();
  const settings = pickSettings(random);
  const agent = stack.use(
    await startAgent(agentConfig({ mode, settings, linkPort: link.port, localPort, monitorPort: await freePort() }), {
      stateDir,
      ...(faults === undefined ? {} : { env: faults.env }),
    }),
  );
  let happenings = createHappenings();
  const executors = createExecutors({
    agent,
    hub,
    link,
    faults,
    stateDir,
    storeDir,
    folder: folder.path,
    happenings: () => happenings,
  });
  const kept = stack.move();

  return {
    mode,
    settings: `${JSON.stringify(settings)}, hub ${hub.version}`,
    possible: FAULTS.filter((kind) => NEEDS[kind]?.(options) ?? true),
    commitInterval: { standard: millis(settings.commit), latest: seconds(1) },
    get happenings() {
      return happenings;
    },
    socket: agent.socket,
    localPort,
    apply: (fault) => executors.apply(fault),
    heal: () => executors.heal(),
    outbox: () => askAgent(agent.socket, "outbox"),
    ledger: () => askAgent(agent.socket, "outbox-ledger"),
    readHub: () => readHub(hub.url, domain),
    beforeRollbacks: async () => {
      const contents: HubContent[] = [];
      for (const old of executors.takeOldFolders()) {
        await using earlier = await startNats({ jetstream: true, storeDir: old, ...withDomain, ...binary });
        contents.push(await readHub(earlier.url, domain));
        await earlier.kill();
        await rm(old, { recursive: true, force: true });
      }
      return contents;
    },
    renewStore: async () => {
      await agent.stop("SIGTERM");
      // Not the folder itself, which may be a mount point.
      for (const name of await readdir(stateDir)) await rm(join(stateDir, name), { recursive: true });
      happenings = createHappenings();
      await agent.start();
    },
    restartAgent: async () => {
      await agent.stop("SIGTERM");
      await agent.start();
    },
    log: () => agent.output(),
    [Symbol.asyncDispose]: async () => {
      await executors.heal().catch(() => {});
      await kept.disposeAsync();
    },
  };
}

interface Settings {
  readonly cap: string;
  /** Milliseconds. */
  readonly commit: number;
  readonly hold: string;
  readonly limited: boolean;
}

function pickSettings(random: Random): Settings {
  return {
    cap: random.pick(["1MiB", "2MiB", "4MiB"]),
    commit: random.pick([200, 1000]),
    hold: random.pick(["20s", "40s"]),
    limited: random.chance(0.4),
  };
}

interface ConfigInput {
  readonly mode: RigMode;
  readonly settings: Settings;
  readonly linkPort: number;
  readonly localPort: number;
  readonly monitorPort: number;
}

function agentConfig({ mode, settings, linkPort, localPort, monitorPort }: ConfigInput): Record<string, unknown> {
  const { cap, commit, hold, limited } = settings;
  return {
    hub: {
      mode,
      urls: [mode === "leaf" ? `nats-leaf://127.0.0.1:${linkPort}` : `nats://127.0.0.1:${linkPort}`],
      ...(mode === "leaf" ? { domain: DOMAIN } : {}),
      stream: { create: true },
      poll_interval: "200ms",
      echo_interval: "1s",
      echo_timeout: "1s",
      ping_interval: "1s",
    },
    ...(mode === "leaf"
      ? {
          leaf: {
            listen: `127.0.0.1:${localPort}`,
            monitor: `127.0.0.1:${monitorPort}`,
            reconnect: "1s",
            local: { outbox: LOCAL_ROUTES },
          },
        }
      : {}),
    outbox: {
      max_size: cap,
      hub_hold: hold,
      drain: limited
        ? { messages: 500, bytes: "1MiB", jitter: "500ms" }
        : { messages: "unlimited", bytes: "unlimited", jitter: "0ms" },
      lanes: {
        standard: { commit_interval: `${commit}ms` },
        latest: { commit_interval: "1s" },
        ephemeral: { ttl: "20s", max_size: "64KiB" },
      },
    },
  };
}

interface Parts {
  readonly agent: TestAgent;
  readonly hub: TestNats;
  readonly link: TcpProxy;
  readonly faults: Faults | undefined;
  readonly stateDir: string;
  readonly storeDir: string;
  readonly folder: string;
  readonly happenings: () => Happenings;
}

interface Executors {
  apply(fault: PlannedFault): Promise<void>;
  heal(): Promise<void>;
  /** JetStream folders that a rollback took away; the caller removes them. */
  takeOldFolders(): string[];
}

function createExecutors({ agent, hub, link, faults, stateDir, storeDir, folder, happenings }: Parts): Executors {
  const filler = join(stateDir, "filler");
  let olds: string[] = [];
  let copies = 0;

  const end = async (kind: "kill" | "stop"): Promise<void> => {
    // Started on a disk that fails it would work in memory for the rest of its life.
    if (faults !== undefined) await Promise.all([faults.failWrites(undefined), faults.failSyncs(undefined)]);
    const from = now();
    await agent.stop(kind === "kill" ? "SIGKILL" : "SIGTERM");
    happenings().ended({ kind, from, to: now() });
  };
  const agentDown = async (kind: "kill" | "stop", lasts: number): Promise<void> => {
    await end(kind);
    await setTimeout(lasts / 4);
    await agent.start();
  };
  const whileStalled = async (work: () => Promise<void>): Promise<void> => {
    const over = happenings().stalled();
    try {
      await work();
    } finally {
      over();
    }
  };
  const frozen = async (pid: number | undefined, lasts: number): Promise<void> => {
    if (pid === undefined || !signal(pid, "SIGSTOP")) return;
    await setTimeout(lasts);
    signal(pid, "SIGCONT");
  };

  const rollBack = async (lasts: number): Promise<void> => {
    copies += 1;
    const copy = join(folder, `copy-${copies}`);
    const old = join(folder, `old-${copies}`);
    // Between two system calls of the server: what a kill at this moment would leave.
    hub.freeze();
    await waitFor("the hub to stand still", async () => / T /.test(await readFile(`/proc/${hub.pid}/stat`, "utf8")));
    await cp(storeDir, copy, { recursive: true });
    hub.thaw();
    await setTimeout(lasts);
    await hub.kill("SIGKILL");
    await rename(storeDir, old);
    await rename(copy, storeDir);
    olds.push(old);
    await hub.restart();
  };

  const table: Readonly<Record<FaultKind, (fault: PlannedFault) => Promise<void>>> = {
    cut: async ({ lasts }) => {
      link.cut();
      await setTimeout(lasts);
      link.mend();
    },
    "cut-amid": async ({ degree }) => link.cutAfter(Math.floor(degree * 50_000)),
    stall: async ({ lasts }) => {
      link.stall();
      await setTimeout(lasts);
      link.unstall();
    },
    delay: async ({ lasts, degree }) => {
      link.delay(Math.floor(degree * 500));
      await setTimeout(lasts);
      link.delay(0);
    },
    throttle: async ({ lasts, degree }) => {
      link.throttle(2000 + Math.floor(degree * 60_000));
      await setTimeout(lasts);
      link.throttle(undefined);
    },
    "agent-kill": ({ lasts }) => agentDown("kill", lasts),
    "agent-restart": ({ lasts }) => agentDown("stop", lasts),
    "agent-freeze": ({ lasts }) => whileStalled(() => frozen(agent.pid, lasts)),
    "leaf-kill": async () => {
      const pid = await leafPid(stateDir);
      if (pid !== undefined) signal(pid, "SIGKILL");
    },
    "leaf-freeze": async ({ lasts }) => frozen(await leafPid(stateDir), lasts),
    "hub-kill": async ({ lasts }) => {
      await hub.kill("SIGKILL");
      await setTimeout(lasts);
      await hub.restart();
    },
    "hub-freeze": async ({ lasts }) => {
      hub.freeze();
      await setTimeout(lasts);
      hub.thaw();
    },
    "hub-restart": async ({ lasts }) => {
      await hub.kill("SIGTERM");
      await setTimeout(lasts / 2);
      await hub.restart();
    },
    "hub-rollback": ({ lasts }) => rollBack(lasts),
    "disk-full": ({ lasts }) =>
      whileStalled(async () => {
        const { bavail, bsize } = await statfs(stateDir);
        // To the last block: the end of the write fails.
        await writeFile(filler, new Uint8Array(bavail * bsize + bsize)).catch(() => {});
        await setTimeout(lasts);
        await rm(filler, { force: true });
      }),
    "disk-error": ({ lasts, degree }) =>
      whileStalled(async () => {
        await (degree < 0.5 ? faults?.failWrites("EIO") : faults?.failSyncs("EIO"));
        await setTimeout(lasts);
        await Promise.all([faults?.failWrites(undefined), faults?.failSyncs(undefined)]);
      }),
    "disk-slow": ({ lasts, degree }) =>
      whileStalled(async () => {
        await faults?.delaySyncs(millis(Math.floor(degree * 1000)));
        await setTimeout(lasts);
        await faults?.delaySyncs(millis(0));
      }),
    clock: async ({ lasts, degree }) => {
      const year = 365 * 24 * 3600 * 1000;
      const offset = degree < 0.33 ? -Date.now() : degree < 0.66 ? 5 * year : -3600 * 1000;
      await faults?.moveClock(millis(offset));
      await setTimeout(lasts);
      await faults?.moveClock(millis(0));
    },
  };

  return {
    apply: (fault) => table[fault.kind](fault),
    // Each fault ends itself; this is for those that failed on the way.
    heal: async () => {
      link.mend();
      link.unstall();
      link.delay(0);
      link.throttle(undefined);
      hub.thaw();
      signal(agent.pid, "SIGCONT");
      const leaf = await leafPid(stateDir);
      if (leaf !== undefined) signal(leaf, "SIGCONT");
      await rm(filler, { force: true });
      if (faults === undefined) return;
      await Promise.all([faults.failWrites(undefined), faults.failSyncs(undefined)]);
      await Promise.all([faults.delaySyncs(millis(0)), faults.moveClock(millis(0))]);
    },
    takeOldFolders: () => {
      const taken = olds;
      olds = [];
      return taken;
    },
  };
}

/** False when the process is gone. */
function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}

/** Of the device's own nats-server; undefined while there is none. */
async function leafPid(stateDir: string): Promise<number | undefined> {
  try {
    return Number(await readFile(join(stateDir, "leaf", "nats-server.pid"), "utf8")) || undefined;
  } catch {
    return undefined;
  }
}
