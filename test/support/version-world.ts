// A device whose components are simulated: what they do is in the name of their file's content. The real machinery of
// updates runs in it, over a disk that outlives a crash.

import { PetioleError, WitError } from "../../src/domain/errors.ts";
import { mebibytes, minutes } from "../../src/domain/units.ts";
import type { ComponentSpec, UpdatePolicy } from "../../src/domain/workload.ts";
import { ComponentSlot } from "../../src/host/update/component-slot.ts";
import type { UpdateOutcome } from "../../src/host/update/update-outcome.ts";
import { createUpdateJournal } from "../../src/host/update/journal.ts";
import { createUpdates } from "../../src/host/update/update-control.ts";
import type { KeptVersions, StateStore, TrustCheck } from "../../src/host/ports.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { silentLogger } from "../../src/lib/log.ts";
import { NO_BREACHES, type RunningComponent, type Runtime } from "../../src/runtime/contract.ts";
import { componentSpec } from "./workloads.ts";

/** What survives a power cut. */
export interface Disk {
  /** Content of files by their path. */
  readonly files: Map<string, string>;
  readonly state: Map<string, string>;
}

export const createDisk = (files: Readonly<Record<string, string>>): Disk => ({
  files: new Map(Object.entries(files)),
  state: new Map(),
});

export interface VersionWorldOptions {
  readonly clock: Clock;
  /** Called before everything that touches the disk or starts a version; throws to end the power. */
  readonly onStep?: (step: string) => void;
  readonly trust?: TrustCheck;
  /** Versions that fit into the memory at a time. */
  readonly room?: number;
  /** What one call waits for. */
  readonly gate?: () => Promise<void>;
}

/** One life of an agent, from its boot to its end. */
export interface VersionWorld extends AsyncDisposable {
  readonly slot: () => ComponentSlot;
  readonly updates: ReturnType<typeof createUpdates>;
  readonly outcomes: UpdateOutcome[];
  /** Calls that versions got, as `content argument`. */
  readonly calls: string[];
  /** Contents that run, oldest first. */
  readonly running: string[];
  /** The host stops: its signal comes before the component is stopped. */
  end(): void;
  boot(spec: ComponentSpec): Promise<void>;
  /** As a host does when a component is wanted otherwise. */
  want(spec: ComponentSpec): Promise<void>;
}

export const TRIAL: UpdatePolicy = {
  trial: minutes(1),
  maxFailures: 1,
  maxGrowth: mebibytes(1),
  maxCrashes: 3,
  beside: true,
};
export const app = (file: string, more: Partial<UpdatePolicy> = {}): ComponentSpec =>
  componentSpec("app", { file, update: { ...TRIAL, ...more } });
export const digestOf = (content: string): string => `sha256:${content}`;

export function createVersionWorld(disk: Disk, options: VersionWorldOptions): VersionWorld {
  const { clock, onStep = () => {}, trust, room = Infinity, gate } = options;
  const calls: string[] = [];
  const running: string[] = [];
  const outcomes: UpdateOutcome[] = [];
  const stop = new AbortController();
  let slot: ComponentSlot | undefined;

  const state: StateStore = {
    load: async (name) => disk.state.get(name),
    save: async (name, value) => {
      onStep(`save ${name}`);
      disk.state.set(name, value ?? "");
    },
  };
  const pathOf = (digest: string): string => `/versions/${digest}`;
  const kept: KeptVersions = {
    keep: async (file, digest) => {
      onStep("keep");
      const content = disk.files.get(file);
      if (content === undefined || digestOf(content) !== digest)
        throw new PetioleError("ERR_COMPONENT_DIGEST", "other");
      disk.files.set(pathOf(digest), content);
    },
    find: async (digest) => (disk.files.has(pathOf(digest)) ? pathOf(digest) : undefined),
    retain: async (digests) => {
      onStep("retain");
      for (const path of disk.files.keys()) {
        if (path.startsWith("/versions/") && !digests.has(path.slice("/versions/".length))) disk.files.delete(path);
      }
    },
  };
  const runtime: Runtime = {
    builtin: new Set(),
    prepare: async (file, signal, admit) => {
      onStep("prepare");
      signal?.throwIfAborted();
      const content = disk.files.get(file);
      if (content === undefined) throw new PetioleError("ERR_COMPONENT_UNREADABLE", `no file ${file}`);
      const digest = digestOf(content);
      await admit?.({ bytes: new Uint8Array(1), digest });
      return {
        digest,
        imports: [],
        exports: content.includes("mute") ? [] : ["a:b/on@1.0.0"],
        shapes: { imports: [], exports: [] },
        size: 1,
      };
    },
    start: async ({ digest }) => {
      const content = digest.slice("sha256:".length);
      onStep(`start ${content}`);
      if (running.length >= room) throw new PetioleError("ERR_ADDRESS_SPACE", "no room");
      if (content.includes("stillborn")) throw new PetioleError("ERR_COMPONENT_TRAP", `${content} traps at its start`);
      running.push(content);
      return simulate(content);
    },
    [Symbol.asyncDispose]: async () => {},
  };

  function simulate(content: string): RunningComponent {
    let pending = 0;
    let grown = 0;
    let stopped = false;
    return {
      call: async (_interface, fn, args) => {
        if (stopped) throw new PetioleError("ERR_COMPONENT_STOPPED", `${content} was stopped`);
        pending++;
        try {
          calls.push(`${content} ${fn === "probe" ? "probe" : String(args[0])}`);
          await gate?.();
          if (fn === "probe" && content.includes("sick")) throw new WitError("sick");
          if (fn !== "probe" && content.includes("trapping"))
            throw new PetioleError("ERR_COMPONENT_TRAP", "unreachable");
          if (fn !== "probe" && content.includes("leaking")) grown += mebibytes(1);
          return `${content} ${String(args[0])}`;
        } finally {
          pending--;
        }
      },
      http: () => Promise.reject(new Error("no HTTP here")),
      configure: () => {},
      stats: () => ({
        calls: 0,
        failures: 0,
        restarts: 0,
        pending,
        instances: 1,
        memory: mebibytes(1) + grown,
        reserved: 0,
        cpuTime: 0,
        recycled: 0,
        breaches: NO_BREACHES,
        degraded: false,
      }),
      [Symbol.asyncDispose]: async () => {
        if (!stopped) running.splice(running.indexOf(content), 1);
        stopped = true;
      },
    };
  }

  const journal = createUpdateJournal(state, disk.state.get("component-versions"), silentLogger);
  const updates = createUpdates({
    journal,
    kept,
    log: silentLogger,
    components: () => ["app"],
    slot: () => slot,
    again: async () => {
      slot?.reconsider();
      await slot?.catchUp();
    },
  });
  return {
    slot: () => {
      if (slot === undefined) throw new Error("nothing was started");
      return slot;
    },
    updates,
    outcomes,
    calls,
    running,
    async boot(spec) {
      slot = await ComponentSlot.open(
        {
          runtime,
          trust,
          journal,
          kept,
          clock,
          log: silentLogger,
          signal: stop.signal,
          links: () => [{ name: "default", source: "bus", target: "app", interfaces: ["a:b/on"], config: undefined }],
          neighbour: () => undefined,
          onImport: async () => undefined,
          onEgress: async () => undefined,
          onEvent: () => {},
          onOutcome: (outcome) => void outcomes.push(outcome),
          onSettled: () => updates.clear(),
        },
        spec,
      );
      await slot.catchUp();
    },
    end: () => stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", "the host stops")),
    async want(spec) {
      slot?.want(spec);
      await slot?.catchUp();
    },
    async [Symbol.asyncDispose]() {
      await slot?.[Symbol.asyncDispose]();
    },
  };
}
