import type { ArtifactSource } from "../../adapters/artifacts/source.ts";
import type { AgentUpdateParams } from "../../adapters/control/protocol.ts";
import { createAgentFolder, type AgentFolder, type FolderState } from "../../adapters/versions/agent-folder.ts";
import type { AgentUpdateConfig } from "../../config/agent-update-schema.ts";
import { parseReference, type ArtifactReference } from "../../domain/artifact-reference.ts";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { HubLink } from "../../domain/hub-link.ts";
import { releaseTargetOf, type AgentVersions, type UpdateAnswer } from "../../domain/release.ts";
import { millis, seconds, type Millis } from "../../domain/units.ts";
import { VERSION } from "../../domain/version.ts";
import type { Clock } from "../../lib/clock.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { StateStore } from "../../host/ports.ts";
import type { Outbox } from "../../provider/services.ts";
import type { TrustPolicy } from "../../trust/judge.ts";
import { judgeFault, judgeStart, type StartVerdict } from "./judge-start.ts";
import type { Launch } from "./launch.ts";
import { clearPending, readPending, writePending } from "./pending.ts";
import { createRan } from "./ran.ts";
import { reportUpdate, type UpdateEvent, type UpdateOutcome } from "./report.ts";
import { createUpload, type Upload } from "./upload.ts";
import { createWanted, type Wanted } from "./wanted.ts";
import type { WantedAgent } from "../../config/schema.ts";

export interface SelfUpdateDeps {
  readonly device: string;
  readonly config: AgentUpdateConfig | undefined;
  /** The configuration file. */
  readonly file: string;
  /** Undefined when something else than the launcher started the agent. */
  readonly launch: Launch | undefined;
  /** Of `config`; read when it is needed. */
  readonly policy: () => Promise<TrustPolicy>;
  readonly openSource: (reference: ArtifactReference) => ArtifactSource;
  readonly stall: Millis;
  readonly outbox: Outbox;
  readonly state: StateStore;
  readonly health: () => Promise<AgentHealth>;
  /** Ends the agent; systemd has the launcher start it again. */
  readonly restart: (reason: string) => void;
  readonly isClockSynced: () => boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface AgentHealth {
  readonly store: "disk" | "memory";
  readonly link: HubLink;
  /** Components that run. */
  readonly running: readonly string[];
  /** Components that should. */
  readonly wanted: readonly string[];
}

/** The agent's own versions. Disposing it ends what is going on; a start that somebody ended is not counted. */
export interface SelfUpdate extends AsyncDisposable {
  /** What the hub's document asks for. */
  want(agent: WantedAgent | undefined): void;
  /** Everything local had its first try. */
  begin(): Promise<void>;
  versions(): Promise<AgentVersions>;
  upload: Upload["take"];
  update(
    params: AgentUpdateParams,
    onProgress: (progress: { readonly bytes: number; readonly total: number }) => void,
    signal: AbortSignal,
  ): Promise<UpdateAnswer>;
  rollBack(dryRun: boolean): Promise<{ readonly from: string; readonly to: string | undefined }>;
}

interface Choice {
  readonly dryRun: boolean;
  readonly allowDowngrade: boolean;
  /** Also a version that failed here before. */
  readonly again: boolean;
  /** What the release has to be; anything unless given. */
  readonly version?: string | undefined;
}

/** What was refused last: it is told once, not with each start. */
const REFUSED = "agent-update-refused";

/** How often the health of a version on trial is looked at. */
const LOOK = seconds(1);
/** The asker gets its answer before the connection ends. */
const BEFORE_RESTART = seconds(1);
/** A start is a good one when the agent runs for so long. */
const CALM = seconds(60);

export function createSelfUpdate(deps: SelfUpdateDeps): SelfUpdate {
  const { device, config, file, launch, outbox, clock, log } = deps;
  const stop = new AbortController();
  const exclusive = createExclusive();
  const folder = launch === undefined ? undefined : createAgentFolder(launch.folder);
  const target = releaseTargetOf(process.arch);
  const upload = createUpload(folder);
  let busy = false;
  let trial: { waitsFor: string; over: boolean } | undefined;
  let begun = false;
  const beginning = Promise.withResolvers<void>();
  let ended = false;
  let watching = Promise.resolve();

  const unavailable = (): string | undefined => {
    if (launch === undefined) return "the launcher of the package did not start this agent";
    if (target === undefined) return `there are no releases for ${process.arch}`;
    return config === undefined ? "the configuration has no agent_update" : undefined;
  };

  function need(): { readonly folder: AgentFolder; readonly launch: Launch } {
    const why = unavailable();
    if (why === undefined && folder !== undefined && launch !== undefined) return { folder, launch };
    throw new PetioleError("ERR_AGENT_UPDATE_OFF", `Cannot update this agent: ${why ?? "it is ending"}`);
  }

  /** Until it is known whether this version is on trial, and what earlier updates left is cleared away. */
  async function untilTidy(signal: AbortSignal): Promise<void> {
    await unlessAborted(beginning.promise, signal);
    await exclusive.run(() => Promise.resolve());
  }

  async function tell(outcome: UpdateOutcome, event: UpdateEvent): Promise<void> {
    try {
      await reportUpdate(outbox, device, outcome, event, new Date(clock.wall()));
    } catch (error) {
      if (!isPetioleError(error)) throw error;
      log.error("The outcome of an update cannot be told", { outcome, code: error.code, reason: error.message });
    }
  }

  async function onRefused(refusal: {
    readonly to: string;
    readonly code: string;
    readonly reason: string;
  }): Promise<void> {
    const key = `${refusal.to} ${refusal.code}`;
    try {
      if ((await deps.state.load(REFUSED)) === key) return;
      await deps.state.save(REFUSED, key);
    } catch (error) {
      if (!isPetioleError(error)) throw error;
      log.warn("It cannot be written down that a version was refused", { reason: error.message });
    }
    await tell("refused", { from: VERSION, ...refusal });
  }

  function endSoon(reason: string): void {
    ended = true;
    void clock.sleep(BEFORE_RESTART, stop.signal).then(
      () => deps.restart(reason),
      () => {},
    );
  }

  async function install(
    from: { readonly reference: ArtifactReference } | { readonly file: string },
    { dryRun, allowDowngrade, again, version }: Choice,
    onProgress: ((progress: { readonly bytes: number; readonly total: number }) => void) | undefined,
    signal: AbortSignal,
  ): Promise<UpdateAnswer> {
    const { folder, launch } = need();
    const refuseIf = (taken: boolean): void => {
      if (!taken) return;
      throw new PetioleError("ERR_AGENT_UPDATE_BUSY", "Cannot update this agent: an update is going on");
    };
    refuseIf(busy || ended);
    busy = true;
    try {
      await untilTidy(signal);
      // It may have been given up meanwhile.
      refuseIf(ended);
      if (trial?.over === false && !dryRun) {
        const text = `Cannot update this agent: version ${VERSION} is on trial (${trial.waitsFor})`;
        throw new PetioleError("ERR_AGENT_UPDATE_BUSY", text);
      }
      await folder.make();
      const { installRelease } = await import("./install-release.ts");
      const policy = await deps.policy();
      const { packaged, bad } = await folder.state();
      const answer = await installRelease(
        {
          folder,
          policy: { ...policy, allowDowngrade },
          circumstances: {
            target: target ?? "linux-x64",
            running: VERSION,
            // The launcher asks only where there is another one.
            packaged: launch.version === undefined ? VERSION : packaged,
            now: { wall: clock.wall(), synced: deps.isClockSynced() },
            bad: again ? [] : bad,
          },
          before: launch.version,
          config: file,
          openSource: deps.openSource,
          stall: deps.stall,
          clock,
          log,
          onActivate: async ({ version, digest }) => {
            const { running } = await deps.health();
            if (again) await folder.forgive(version);
            await writePending(folder.path, { from: VERSION, to: version, digest, ran: [...running] });
          },
        },
        { from, dryRun, version, onProgress },
        signal,
      );
      if (answer.outcome === "started") {
        log.info("Agent ends to start as another version", { from: VERSION, to: answer.to });
        endSoon(`the update to ${answer.to}`);
      }
      return answer;
    } finally {
      busy = false;
    }
  }

  /** Ends this version's time: the version before runs next. */
  async function giveUp(folder: AgentFolder, reason: string): Promise<void> {
    log.error("This version of petiole is given up", { version: VERSION, reason });
    if (trial !== undefined) trial.over = true;
    await folder.giveUp(VERSION, reason);
    endSoon(`version ${VERSION} is given up: ${reason}`);
  }

  async function watchTrial(folder: AgentFolder, state: { waitsFor: string; over: boolean }): Promise<void> {
    const started = clock.monotonic();
    const ran = await createRan(folder.path);
    log.info("This version of petiole is on trial", { version: VERSION });
    const ready = (): Millis => millis(clock.monotonic() - started);
    const look = async (): Promise<StartVerdict> => {
      try {
        const { running, wanted, store, link } = await deps.health();
        const missing = (await ran.look(wanted)).filter((id) => !running.includes(id));
        return judgeStart({ ready: ready(), store, link, missing }, limitsOf(config));
      } catch (error) {
        if (!isPetioleError(error)) throw error;
        return judgeFault(ready(), `its health is not known: ${error.message}`, limitsOf(config));
      }
    };
    for (;;) {
      const verdict = await look();
      if (verdict.kind === "failed") return await exclusive.run(() => giveUp(folder, verdict.reason));
      if (verdict.kind === "well") break;
      state.waitsFor = verdict.reason;
      await clock.sleep(LOOK, stop.signal);
      if (ended) return;
    }
    await exclusive.run(async () => {
      if (ended) return;
      await folder.confirm();
      state.over = true;
      log.info("This version of petiole has proved itself", { version: VERSION });
      await conclude(folder);
      await folder.calmDown();
    });
  }

  /** Tells what became of an update that was begun, once. */
  async function conclude(folder: AgentFolder): Promise<void> {
    const pending = await readPending(folder.path);
    if (pending !== undefined) {
      const { from, to, digest } = pending;
      const mark = (await folder.state()).bad.find(({ version }) => version === to);
      if (to === VERSION) await tell("accepted", { from, to, digest });
      else if (mark === undefined) await tell("interrupted", { from, to, digest });
      else {
        log.error("The new version of petiole did not prove itself", { version: to, reason: mark.reason });
        await tell("rolled-back", { from, to, digest, code: "ERR_AGENT_UPDATE_FAILED", reason: mark.reason });
      }
      await clearPending(folder.path);
    }
    await folder.prune();
    await upload.clear();
  }

  async function watch(folder: AgentFolder): Promise<void> {
    if (trial !== undefined) return await watchTrial(folder, trial);
    await exclusive.run(() => conclude(folder));
    await clock.sleep(CALM, stop.signal);
    await folder.calmDown();
  }

  function trialOf(found: FolderState["trial"]): AgentVersions["trial"] {
    const isStarting = !begun && found !== undefined && found.version === launch?.version;
    const waitsFor = isStarting ? "it is starting" : trial?.over === false ? trial.waitsFor : undefined;
    return waitsFor === undefined ? undefined : { starts: found?.starts ?? 0, waitsFor };
  }

  const wanted: Wanted = createWanted({
    window: config?.window,
    isClockSynced: deps.isClockSynced,
    isOnTrial: () => trial?.over === false,
    // The document comes from outside: only the configuration allows what is older.
    install: (reference, version, signal) => {
      const choice = { dryRun: false, allowDowngrade: config?.allow_downgrade === true, again: false, version };
      return install({ reference }, choice, undefined, signal);
    },
    onRefused,
    clock,
    log,
    signal: stop.signal,
  });

  return {
    want: (agent) => wanted.want(agent),

    async begin() {
      if (folder !== undefined && launch !== undefined) {
        const found = (await folder.state()).trial;
        if (found !== undefined && found.version === launch.version) {
          trial = { waitsFor: "it has just started", over: false };
        }
        watching = watch(folder).catch((error: unknown) => {
          if (stop.signal.aborted) return;
          log.error("The versions of petiole cannot be looked after", { reason: reasonOf(error) });
        });
      }
      begun = true;
      beginning.resolve();
      wanted.begin();
    },

    async versions() {
      const state = await folder?.state();
      return {
        running: VERSION,
        isPackaged: launch?.version === undefined,
        packaged: launch !== undefined && launch.version === undefined ? VERSION : state?.packaged,
        previous: state?.previous,
        trial: trialOf(state?.trial),
        installed: state?.installed ?? [],
        bad: state?.bad ?? [],
        unavailable: unavailable(),
        wanted: wanted.status(),
      };
    },

    async upload(piece) {
      const { folder } = need();
      await untilTidy(stop.signal);
      await folder.make();
      return await upload.take(piece);
    },

    async update({ reference, dryRun, allowDowngrade, again }, onProgress, signal) {
      const either = AbortSignal.any([signal, stop.signal]);
      const choice = { dryRun, allowDowngrade, again };
      if (reference === undefined) {
        try {
          return await install({ file: upload.file() }, choice, onProgress, either);
        } finally {
          await upload.clear();
        }
      }
      const parsed = parseReference(reference);
      if ("fault" in parsed) {
        throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot use the reference: ${parsed.fault}`);
      }
      return await install({ reference: parsed.reference }, choice, onProgress, either);
    },

    rollBack: (dryRun) =>
      exclusive.run(async () => {
        const { folder, launch } = need();
        if (launch.version === undefined) {
          const text = "Cannot roll back: the packaged version runs; install an older package to go back further";
          throw new PetioleError("ERR_UPDATE_UNKNOWN", text);
        }
        if (busy || ended) throw new PetioleError("ERR_AGENT_UPDATE_BUSY", "Cannot roll back: an update is going on");
        const { previous, packaged, trial: found } = await folder.state();
        const to = previous ?? packaged;
        if (dryRun) return { from: VERSION, to };
        const isOnTrial = found?.version === launch.version;
        const reason = "somebody rolled it back";
        // What was on trial is told by the version before, as after any other failure of a trial.
        if (!isOnTrial) await tell("rolled-back", { from: VERSION, to: to ?? "packaged", reason });
        await giveUp(folder, reason);
        return { from: VERSION, to };
      }),

    async [Symbol.asyncDispose]() {
      stop.abort(new PetioleError("ERR_AGENT_UPDATE_BUSY", "Cannot update this agent: it is ending"));
      await watching;
      await wanted[Symbol.asyncDispose]();
      if (folder === undefined || !begun || ended) return;
      try {
        if (trial?.over === false) await folder.uncount();
        await folder.calmDown();
      } catch (error) {
        log.warn("A start that ended well stays counted", { reason: reasonOf(error) });
      }
    },
  };
}

async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

const DEFAULTS = { settle: seconds(60), offlineGrace: seconds(600), limit: seconds(900) };

/** A version that came on trial has to prove itself, whatever became of the configuration. */
function limitsOf(config: AgentUpdateConfig | undefined): typeof DEFAULTS {
  if (config === undefined) return DEFAULTS;
  return { settle: config.settle, offlineGrace: config.offline_grace, limit: config.limit };
}
