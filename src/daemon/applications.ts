import type { DeployParams, UndeployParams } from "../adapters/control/protocol.ts";
import { isDeepStrictEqual } from "node:util";
import type { ApplicationStatus, DeployReport, UndeployReport } from "../domain/application.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { StatusError } from "../domain/status.ts";
import type { Digest, WantedState } from "../domain/workload.ts";
import type { ConfigFault } from "../config/yaml-source.ts";
import type { HostStatus } from "../host/host.ts";
import type { StateStore } from "../host/ports.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { deviceChanges } from "../oam/changes.ts";
import { annotationsOf, idOf } from "../oam/names.ts";
import { parseManifest, type ParsedManifest } from "../oam/parse.ts";
import { translate, type DeviceView, type Translation } from "../oam/translate.ts";
import {
  filesOf,
  formatApplications,
  haveOtherFiles,
  parseApplications,
  withAbsoluteFiles,
  type StoredApplication,
} from "./application-record.ts";
import { applicationStatus } from "./application-status.ts";
import { checkApplication } from "./check-application.ts";
import { latticeDesired } from "./lattice.ts";

export interface ApplicationsDeps {
  readonly state: StateStore;
  readonly log: Logger;
  /** The device as applications see it now, besides each other. */
  readonly view: () => Omit<DeviceView, "application">;
  /** What the configuration file and the hub's document want: their ids are theirs. */
  readonly own: () => WantedState;
  /** Ids that a lattice has on this device. */
  readonly latticeIds: () => readonly string[];
  /** Of a file's bytes; undefined when there is no such file. */
  readonly digestOf: (file: string) => Promise<Digest | undefined>;
  /** Makes what is wanted now run. Resolves after the first try. */
  readonly refresh: () => Promise<void>;
  readonly running: () => HostStatus;
}

/** The applications that were deployed to this device alone. They are kept in the store: the device boots into them. */
export interface Applications {
  /** @throws PetioleError ERR_STORE_FAILED */
  load(): Promise<void>;
  /** What they want besides what the device's own configuration does. */
  wanted(own: WantedState): WantedState;
  /** What is told of a workload; nothing when no application wants it. */
  annotations(id: string): Readonly<Record<string, string>>;
  list(): ApplicationStatus[];
  /**
   * Takes an application, or a new version of it, and begins to run it.
   * @throws PetioleError ERR_MANIFEST_INVALID, ERR_MANIFEST_UNSUPPORTED, ERR_APPLICATION_CONFLICT, ERR_STORE_FAILED
   */
  deploy(params: DeployParams): Promise<DeployReport>;
  /** @throws PetioleError ERR_APPLICATION_UNKNOWN, ERR_APPLICATION_CONFLICT, ERR_STORE_FAILED */
  undeploy(params: UndeployParams): Promise<UndeployReport>;
}

interface Deployed {
  readonly stored: StoredApplication;
  readonly parsed: ParsedManifest;
}

type Deployments = ReadonlyMap<string, Deployed>;

const STATE = "applications";
/** Each is kept in the store and in memory. */
const MOST_APPLICATIONS = 64;
const MOST_ITEMS = 256;
const MOST_BYTES = 1024 * 1024;

export function createApplications(deps: ApplicationsDeps): Applications {
  const { state, log } = deps;
  const exclusive = createExclusive();
  let deployed: Deployments = new Map();
  /** Those that cannot be read any more are kept: another version of petiole may. */
  let unreadable: readonly { readonly stored: StoredApplication; readonly error: StatusError }[] = [];
  /** Those that had no first try since they were deployed, by name. */
  const untried = new Map<string, symbol>();

  function translated({ stored, parsed }: Deployed, all: Deployments): Translation {
    const view = { ...deps.view(), application: (name: string) => all.get(name)?.parsed.manifest };
    const translation = translate(parsed.manifest, view);
    const components = translation.components.map((component) => {
      const digest = stored.digests[component.reference];
      return digest === undefined ? component : { ...component, digest };
    });
    return { ...translation, components };
  }

  async function save(next: Deployments): Promise<void> {
    const all = [...next.values()].map(({ stored }) => stored);
    await state.save(STATE, formatApplications([...unreadable.map(({ stored }) => stored), ...all]));
    deployed = next;
  }

  /** Resolves when the change is on its way: how far it is, `list` tells. */
  function begin(name: string): void {
    const mark = Symbol(name);
    untried.set(name, mark);
    deps
      .refresh()
      .catch((error: unknown) => log.error("Cannot apply what the applications want", { err: error }))
      .finally(() => untried.get(name) === mark && untried.delete(name));
  }

  function takenIds(own: WantedState): ReadonlySet<string> {
    return new Set([...own.components, ...own.providers].map(({ id }) => id));
  }

  /** What stands in the way of an application among those that are there. */
  async function faultsOf(name: string, application: Deployed, all: Deployments): Promise<ConfigFault[]> {
    const translation = translated(application, all);
    const others = [...all]
      .filter(([other]) => other !== name)
      .map(([other, one]) => ({ other, ...translated(one, all) }));
    const taken = new Map<string, string>([
      ...deps.latticeIds().map((id) => [id, "the lattice has one of it on this device"] as const),
      ...others.flatMap(({ other, placed }) =>
        placed
          .filter(({ placement }) => placement !== "shared")
          .map(({ id }) => [id, `the application "${other}" has it`] as const),
      ),
      ...[...takenIds(deps.own())].map((id) => [id, "the configuration of this device has it"] as const),
    ]);
    const double = translation.placed.flatMap(({ id, placement }, index): ConfigFault[] => {
      const by = placement === "shared" ? undefined : taken.get(id);
      return by === undefined ? [] : [{ path: ["spec", "components", index], message: `its id is "${id}": ${by}` }];
    });
    const shared = others.flatMap(({ providers }) => providers);
    return [...translation.faults, ...double, ...(await checkApplication(translation, shared))];
  }

  /** Another application needs what goes: it says so. */
  function checkDependents(name: string, next: Deployments): void {
    for (const [other, application] of next) {
      if (other === name) continue;
      const needs = application.parsed.manifest.components.some(({ origin }) => origin.application?.name === name);
      const broken = needs
        ? translated(application, next).faults.find(({ path }) => path.at(-1) === "application")
        : undefined;
      if (broken === undefined) continue;
      throw new PetioleError(
        "ERR_APPLICATION_CONFLICT",
        `Cannot change "${name}" so: "${other}" needs it, ${broken.message}`,
      );
    }
  }

  function checkRoom(next: Deployments): void {
    const all = [...next.values()];
    const bytes = all.reduce((sum, { stored }) => sum + Buffer.byteLength(stored.text), 0);
    const items = all.reduce((sum, { parsed }) => sum + parsed.manifest.components.length, 0);
    if (all.length <= MOST_APPLICATIONS && items <= MOST_ITEMS && bytes <= MOST_BYTES) return;
    const limits = `${MOST_APPLICATIONS} applications with ${MOST_ITEMS} components and ${MOST_BYTES} bytes of manifests`;
    throw new PetioleError("ERR_APPLICATION_CONFLICT", `Cannot deploy another application: a device takes ${limits}`);
  }

  function open(stored: StoredApplication): Deployed {
    const parsed = parseManifest(stored.text, stored.source);
    return { stored, parsed: { ...parsed, manifest: withAbsoluteFiles(parsed.manifest, stored.folder) } };
  }

  /** With what the files are that it names: when they are others, that is another version of it. */
  async function openWithFiles(params: Omit<StoredApplication, "digests">): Promise<Deployed> {
    const application = open({ ...params, digests: {} });
    const digests: Record<string, Digest> = {};
    for (const [image, file] of filesOf(application.parsed.manifest)) {
      const digest = await deps.digestOf(file);
      if (digest !== undefined) digests[image] = digest;
    }
    return { ...application, stored: { ...application.stored, digests } };
  }

  return {
    async load() {
      const text = await state.load(STATE);
      const stored = text === undefined ? [] : parseApplications(text);
      if (stored === undefined) log.error("The stored applications cannot be read and are left out");
      const found = new Map<string, Deployed>();
      for (const one of stored ?? []) {
        try {
          const application = open(one);
          found.set(application.parsed.manifest.name, application);
        } catch (error) {
          if (!isPetioleError(error)) throw error;
          const { code, message } = error;
          log.error("A stored application cannot be read any more", { reason: message });
          unreadable = [...unreadable, { stored: one, error: { code, message } }];
        }
      }
      deployed = found;
    },

    wanted(own) {
      const taken = takenIds(own);
      const all = [...deployed.values()].map((one) => translated(one, deployed));
      const items = {
        components: all.flatMap(({ components }) => components.filter(({ id }) => !taken.has(id))),
        providers: all.flatMap(({ providers }) => providers.filter(({ id }) => !taken.has(id))),
        links: all.flatMap(({ links }) =>
          links
            .filter(({ here, source, target }) => here && !taken.has(source) && !taken.has(target))
            .map(({ name, source, target, interfaces, config }) => ({ name, source, target, interfaces, config })),
        ),
      };
      // What whoever is at the device deploys may be any file that the agent can read.
      return latticeDesired(items, "/");
    },

    annotations(id) {
      const owner = [...deployed].find(([name, { parsed }]) =>
        parsed.manifest.components.some((one) => one.origin.image !== undefined && idOf(name, one) === id),
      );
      return owner === undefined ? {} : annotationsOf(owner[0], "petiole");
    },

    list() {
      const taken = takenIds(deps.own());
      const running = deps.running();
      const lost = unreadable.map(({ stored: { source }, error }): ApplicationStatus => {
        return {
          name: source,
          version: undefined,
          description: undefined,
          state: "failed",
          items: [],
          links: [],
          problem: error,
        };
      });
      const all = [...deployed].map(([name, one]): ApplicationStatus => {
        const translation = translated(one, deployed);
        const { faults } = translation;
        const unfit = faults.length === 0 ? undefined : one.parsed.unsupported(faults);
        const problem = unfit === undefined ? undefined : { code: unfit.code, message: unfit.message };
        const tried = !untried.has(name);
        return applicationStatus({ manifest: one.parsed.manifest, translation, taken, tried, problem }, running);
      });
      return [...all, ...lost].sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    deploy: ({ source, folder, text, dryRun }) =>
      exclusive.run(async () => {
        const fresh = await openWithFiles({ source, folder, text });
        const { manifest, warnings, unsupported, invalid } = fresh.parsed;
        const { name, version } = manifest;
        const before = deployed.get(name);
        const next = new Map(deployed).set(name, fresh);
        const isOther =
          before === undefined ||
          !isDeepStrictEqual(before.parsed.manifest, manifest) ||
          haveOtherFiles(before.stored, fresh.stored);
        const isSame = !isOther && isDeepStrictEqual(before.stored.digests, fresh.stored.digests);
        if (isOther && version !== undefined && before?.parsed.manifest.version === version) {
          const message = `"${version}" is deployed with other contents: give this one another version`;
          throw invalid([{ path: ["metadata", "annotations", "version"], message }]);
        }
        const faults = await faultsOf(name, fresh, next);
        if (faults.length > 0) throw unsupported(faults);
        checkDependents(name, next);
        checkRoom(next);
        const translation = translated(fresh, next);
        const report: DeployReport = {
          name,
          version,
          outcome: before === undefined ? "new" : isSame ? "unchanged" : "changed",
          changes: deviceChanges(before === undefined ? undefined : translated(before, deployed), translation),
          warnings: [...warnings, ...fresh.parsed.locate(translation.notes)],
          dryRun,
        };
        if (dryRun || isSame) return report;
        unreadable = unreadable.filter(({ stored }) => stored.source !== source);
        await save(next);
        log.info("Application deployed", { application: name, version, changes: report.changes.length });
        begin(name);
        return report;
      }),

    undeploy: ({ name, dryRun }) =>
      exclusive.run(async () => {
        const before = deployed.get(name);
        const lost = unreadable.find(({ stored }) => stored.source === name);
        if (before === undefined && lost === undefined) {
          const known = [...deployed.keys()].join(", ");
          const found = known === "" ? "there is none" : `there are ${known}`;
          throw new PetioleError("ERR_APPLICATION_UNKNOWN", `Cannot undeploy "${name}": ${found}`);
        }
        const next = new Map([...deployed].filter(([other]) => other !== name));
        checkDependents(name, next);
        const changes = before === undefined ? [] : deviceChanges(translated(before, deployed), undefined);
        if (dryRun) return { name, changes, dryRun };
        unreadable = unreadable.filter((one) => one !== lost);
        await save(next);
        log.info("Application undeployed", { application: name });
        // What it had has stopped when the answer comes.
        await deps.refresh();
        return { name, changes, dryRun };
      }),
  };
}
