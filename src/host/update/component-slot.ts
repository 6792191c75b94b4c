import { isDeepStrictEqual } from "node:util";
import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { StatusError, UpdateStatus } from "../../domain/status.ts";
import { mebibytes, millis, minutes, seconds, type Millis } from "../../domain/units.ts";
import type { ComponentId, ComponentSpec, Digest, LinkSpec, UpdatePolicy } from "../../domain/workload.ts";
import { backoffDelay } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { PreparedComponent } from "../../runtime/contract.ts";
import type { KeptVersions } from "../ports.ts";
import { bootVersion } from "./boot-version.ts";
import type { UpdateJournal } from "./journal.ts";
import { askProbe } from "./probe.ts";
import {
  checkLinks,
  checkNeighbours,
  readVersion,
  startVersion,
  type NeighbourLookup,
  type ReadyVersion,
  type Version,
  type VersionDeps,
} from "./start-version.ts";
import { SwitchableComponent } from "./switchable.ts";
import { beginTrial, memoryOf, PASSED, type Trial } from "./trial.ts";
import {
  admit,
  isBad,
  trialBegun,
  trialPaused,
  trialWithdrawn,
  versionAccepted,
  versionFailed,
  type VersionRecord,
} from "./version-record.ts";

/** What became of a version that a component was given while it ran. */
export interface UpdateOutcome {
  readonly component: ComponentId;
  readonly outcome: "switched" | "accepted" | "refused" | "rolled-back";
  readonly digest: Digest | undefined;
  readonly error: PetioleError | undefined;
}

export interface SlotDeps extends VersionDeps {
  readonly journal: UpdateJournal;
  readonly kept: KeptVersions | undefined;
  /** Links that the component is an end of. */
  readonly links: () => readonly LinkSpec[];
  readonly neighbour: NeighbourLookup;
  readonly onOutcome: (outcome: UpdateOutcome) => void;
  /** What is kept of versions may have become less. */
  readonly onSettled: () => Promise<void>;
  readonly clock: Clock;
}

interface Failure {
  readonly state: "refused" | "rolled-back";
  readonly digest: Digest | undefined;
  readonly error: PetioleError;
  readonly attempts: number;
}

/** Half of the memory that a component has unless it says otherwise. */
export const DEFAULT_UPDATE: UpdatePolicy = {
  trial: minutes(5),
  maxFailures: 3,
  maxGrowth: mebibytes(16),
  maxCrashes: 3,
  beside: true,
};

const RETRY = { initial: seconds(1), max: minutes(1) };
/** Calls of a version that is replaced get so long, and a deadline more, before others are let pass them. */
const DRAIN_LIMIT = seconds(30);
const DRAIN_PAUSE = millis(5);

/**
 * A component, whichever version of it runs. Others hold on to `running`, which stays the same while versions change.
 *
 * Every change of versions happens under one lock. What must survive a power cut is written down before it is done: a
 * version is on trial before it starts, and the one before it is a copy on the disk by then.
 */
export class ComponentSlot implements AsyncDisposable {
  readonly running: SwitchableComponent;
  readonly #deps: SlotDeps;
  readonly #id: ComponentId;
  readonly #lock = createExclusive();
  readonly #stop = new AbortController();
  readonly #works = new Set<Promise<void>>();
  #wanted: ComponentSpec;
  #current: Version;
  /** Nothing runs: two versions did not fit, and the one before did not come back. */
  #down = false;
  /** While there is a trial. `stopped`: it has to be started again first. */
  #previous: { readonly version: Version; readonly stopped: boolean } | undefined;
  #trial: Trial | undefined;
  #starting: { readonly digest: Digest | undefined } | undefined;
  #failure: Failure | undefined;
  #again = false;

  private constructor(deps: SlotDeps, wanted: ComponentSpec, version: Version) {
    this.#deps = deps;
    this.#id = wanted.id;
    this.#wanted = wanted;
    this.#current = version;
    this.running = new SwitchableComponent(wanted.id, version.spec.limits);
    this.running.switchTo(version.running, version.spec.limits);
  }

  /** Starts what worked last, or what is wanted when nothing else is there. @throws PetioleError why it cannot be started */
  static async open(deps: SlotDeps, wanted: ComponentSpec): Promise<ComponentSlot> {
    const version = await bootVersion(deps, wanted);
    const slot = new ComponentSlot(deps, wanted, version);
    if (version.spec === wanted) {
      // Not before: a version that does not start keeps nobody from going back to the one before.
      await version.trust?.confirm();
      slot.#work(() => slot.#lock.run(() => slot.#remember(version)));
      slot.#told(version);
    }
    return slot;
  }

  get current(): ReadyVersion {
    return this.#current;
  }

  get prepared(): PreparedComponent {
    return this.#current.prepared;
  }

  /** Of what runs; undefined while nothing does. */
  get digest(): Digest | undefined {
    return this.#down ? undefined : this.#current.prepared.digest;
  }

  get isDown(): boolean {
    return this.#down;
  }

  get lastError(): StatusError | undefined {
    return this.#failure === undefined ? undefined : shown(this.#failure.error);
  }

  status(): UpdateStatus | undefined {
    const running = this.#current.prepared.digest;
    if (this.#trial !== undefined) {
      const from = this.#previous?.version.prepared.digest;
      const left = Math.round(this.#trial.left() / 1000);
      return { state: "trial", from, to: running, left, reason: undefined };
    }
    const base = { from: running, left: undefined };
    if (this.#starting !== undefined)
      return { ...base, state: "starting", to: this.#starting.digest, reason: undefined };
    if (this.#failure === undefined) return undefined;
    const { state, digest, error } = this.#failure;
    return { ...base, state, to: digest, reason: shown(error) };
  }

  /** Makes `spec` what is wanted; `catchUp` brings it about. */
  want(spec: ComponentSpec): void {
    this.#wanted = spec;
    this.#again = true;
  }

  /** What failed may have lacked something that is there now. */
  reconsider(): void {
    if (this.#failure !== undefined || this.#down) this.#again = true;
  }

  /** Brings the wanted version to its trial, if it is not running. What keeps it from that is in the status. */
  async catchUp(): Promise<void> {
    const isDue = (): boolean => {
      if (this.#stop.signal.aborted) return false;
      return this.#again || (this.#failure === undefined && this.#current.spec !== this.#wanted);
    };
    if (!isDue()) return;
    await this.#lock.run(async () => {
      if (!isDue()) return;
      this.#again = false;
      await this.#update(this.#wanted);
    });
  }

  /** Ends the trial well, before its time. @throws PetioleError ERR_UPDATE_UNKNOWN when there is none */
  async accept(): Promise<void> {
    await this.#lock.run(async () => {
      await this.#accept(this.#requireTrial(), { probe: false });
    });
  }

  /** Ends the trial, and marks the version. @throws PetioleError ERR_UPDATE_UNKNOWN when there is none */
  async rollBack(): Promise<void> {
    await this.#lock.run(async () => {
      await this.#rollBack(this.#requireTrial(), "somebody asked for the version before");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", `Component "${this.#id}" was stopped`));
    await this.#lock.run(async () => {
      if (this.#trial !== undefined) {
        this.#trial[Symbol.dispose]();
        this.#trial = undefined;
        await this.#note(trialPaused);
      }
      await this.running[Symbol.asyncDispose]();
      const versions = [this.#current, ...(this.#previous === undefined ? [] : [this.#previous.version])];
      await Promise.all(versions.map(({ running }) => running[Symbol.asyncDispose]()));
    });
    await Promise.all(this.#works);
  }

  async #update(spec: ComponentSpec): Promise<void> {
    const before = this.#failure;
    let digest: Digest | undefined;
    try {
      if (this.#down) await this.#restore(this.#current);
      this.#starting = { digest };
      const ready = await readVersion(this.#versionDeps(), spec);
      digest = ready.prepared.digest;
      this.#starting = { digest };
      if (before?.digest === digest && isBad(this.#record(), digest)) {
        // Nothing is new about it, but somebody may have asked anew.
        this.#tell("refused", digest, before.error);
        return;
      }
      this.#failure = undefined;
      const links = this.#deps.links();
      checkLinks(ready, links, this.#deps.runtime.builtin);
      checkNeighbours(ready, this.#current.prepared, links, this.#deps.neighbour);
      await this.#moveTo(ready);
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#fail("refused", digest, error, (before?.attempts ?? 0) + 1);
    } finally {
      this.#starting = undefined;
    }
  }

  async #moveTo(ready: ReadyVersion): Promise<void> {
    const { digest } = ready.prepared;
    if (digest === this.#current.prepared.digest && runsAlike(ready.spec, this.#current.spec)) {
      this.#adopt(ready);
      return;
    }
    if (this.#trial !== undefined) await this.#withdraw();
    if (digest === this.#current.prepared.digest) {
      if (runsAlike(ready.spec, this.#current.spec)) this.#adopt(ready);
      else {
        await this.#replace(ready);
        this.#told(ready);
      }
      return;
    }
    await this.#try(ready);
  }

  /** The version that runs is the one that is wanted, by another name. */
  #adopt(ready: ReadyVersion): void {
    this.#current = { ...this.#current, ...ready };
    this.#told(ready);
  }

  #told({ prepared }: ReadyVersion): void {
    this.#tell("switched", prepared.digest);
    if (this.#trial === undefined) this.#tell("accepted", prepared.digest);
  }

  /** Starts another version beside the one that runs, and lets it take over. */
  async #try(ready: ReadyVersion): Promise<void> {
    const { digest } = ready.prepared;
    const policy = policyOf(ready.spec);
    const admitted = admit(this.#record(), digest, policy.maxCrashes);
    if (admitted.kind === "refuse") {
      const { message } = admitted.bad;
      throw new PetioleError(
        "ERR_UPDATE_BAD",
        `Cannot update component "${this.#id}" to ${digest}: it failed here before: ${message}`,
      );
    }
    if (admitted.kind === "give-up") {
      throw await this.#mark(digest, `the agent ended without a word ${admitted.crashes} times while it was on trial`);
    }
    const before = this.#current;
    // Written down before it is kept: what nothing is written of is not kept.
    await this.#deps.journal.change(this.#id, (record) => trialBegun(record, digest));
    if (policy.trial > 0) {
      await this.#keep(before);
      await this.#keep(ready);
    }
    const { version, stopped } = await this.#startOrMark(ready, policy);
    if (!stopped) await this.#drain(before);
    this.#current = version;
    this.#previous = { version: before, stopped };
    const trial = beginTrial({
      digest,
      policy,
      running: version.running,
      deadline: ready.spec.limits.deadline,
      before: Math.max(memoryOf(before.running.stats()) ?? 0, memoryOf(version.running.stats()) ?? 0),
      clock: this.#deps.clock,
      onFault: () => this.running.hold(),
    });
    this.#trial = trial;
    this.running.switchTo(version.running, ready.spec.limits, trial.onSettled);
    const { signers, version: named } = version.trust?.shown ?? {};
    this.#deps.log.info("Component has a new version", {
      component: this.#id,
      digest,
      version: named,
      signers,
      trial: policy.trial,
    });
    this.#tell("switched", digest);
    if (policy.trial === 0) await this.#accept(trial, { probe: false });
    else this.#work(() => this.#await(trial));
  }

  /** Two instances of a version on trial do not share a worker with anybody: when it hangs, nobody else suffers. */
  async #startOrMark(ready: ReadyVersion, policy: UpdatePolicy): Promise<{ version: Version; stopped: boolean }> {
    const before = this.#current;
    let version: Version | undefined;
    let stopped = false;
    try {
      version = policy.beside ? await this.#startBeside(ready) : undefined;
      if (version === undefined) {
        this.#deps.log.warn("The version that runs is stopped first: calls wait until the new one is there", {
          component: this.#id,
        });
        this.running.hold();
        await this.#drained(before);
        stopped = true;
        await before.running[Symbol.asyncDispose]();
        version = await startVersion(this.#versionDeps(), ready, { isolation: ready.spec.isolation });
      }
      if (policy.probe !== undefined) await askProbe(version.running, policy.probe, this.#deps.clock, this.#signal());
      this.#signal().throwIfAborted();
      return { version, stopped };
    } catch (error) {
      await version?.running[Symbol.asyncDispose]();
      if (this.#signal().aborted) {
        await this.#note(trialPaused);
        throw error;
      }
      if (stopped) await this.#restore(before).catch(() => {});
      if (isPetioleError(error) && error.kind === "environment") {
        await this.#note(trialWithdrawn);
        throw error;
      }
      throw await this.#mark(ready.prepared.digest, reasonOf(error));
    }
  }

  /** Undefined when there is no room for two. */
  async #startBeside(ready: ReadyVersion): Promise<Version | undefined> {
    try {
      return await startVersion(this.#versionDeps(), ready, { isolation: "dedicated" });
    } catch (error) {
      if (isPetioleError(error, "ERR_ADDRESS_SPACE")) return undefined;
      throw error;
    }
  }

  async #await(trial: Trial): Promise<void> {
    const verdict = await trial.verdict;
    if (verdict === undefined) return;
    await this.#lock.run(async () => {
      if (this.#trial !== trial || this.#stop.signal.aborted) return;
      await (verdict === PASSED ? this.#accept(trial, { probe: true }) : this.#rollBack(trial, verdict));
    });
  }

  async #accept(trial: Trial, { probe }: { readonly probe: boolean }): Promise<void> {
    const version = this.#current;
    const policy = policyOf(version.spec);
    if (probe && policy.probe !== undefined) {
      try {
        await askProbe(version.running, policy.probe, this.#deps.clock, this.#signal());
      } catch (error) {
        if (!this.#stop.signal.aborted) await this.#rollBack(trial, reasonOf(error));
        return;
      }
    }
    const previous = this.#previous;
    trial[Symbol.dispose]();
    this.#trial = undefined;
    this.#previous = undefined;
    await this.#note((record) => versionAccepted(record, trial.digest));
    // Not before: until now, going back was no step to an older version.
    await version.trust?.confirm();
    this.running.open();
    if (previous !== undefined && !previous.stopped) this.#retire(previous.version);
    this.#deps.log.info("The new version of a component has proved itself", {
      component: this.#id,
      digest: trial.digest,
    });
    this.#tell("accepted", trial.digest);
    // From the worker that it had to itself to the one that components share.
    if (version.spec.isolation === "shared" && previous?.stopped === false) await this.#replace(version);
    await this.#deps.onSettled();
  }

  async #rollBack(trial: Trial, why: string): Promise<void> {
    const failed = this.#current;
    await this.#goBack(trial);
    const error = await this.#mark(trial.digest, why);
    this.#fail("rolled-back", trial.digest, error, 1);
    this.#retire(failed);
  }

  /** Another version is wanted before this one was decided about. */
  async #withdraw(): Promise<void> {
    const trial = this.#requireTrial();
    const withdrawn = this.#current;
    await this.#goBack(trial);
    await this.#note(trialWithdrawn);
    await this.#deps.onSettled();
    this.#retire(withdrawn);
    this.#deps.log.info("A version on trial is not wanted any more", { component: this.#id, digest: trial.digest });
  }

  /** The version before takes over again, first of all. */
  async #goBack(trial: Trial): Promise<void> {
    const failed = this.#current;
    const previous = this.#previous;
    if (previous === undefined)
      throw new PetioleError("ERR_INVARIANT", `Component "${this.#id}" has no version before`);
    trial[Symbol.dispose]();
    this.#trial = undefined;
    this.#previous = undefined;
    this.running.hold();
    if (previous.stopped) {
      await failed.running[Symbol.asyncDispose]();
      await this.#restore(previous.version).catch(() => {});
      return;
    }
    await this.#drain(failed);
    this.#current = previous.version;
    this.running.switchTo(previous.version.running, previous.version.spec.limits);
  }

  /** The same version again, as it is wanted now. */
  async #replace(ready: ReadyVersion): Promise<void> {
    const before = this.#current;
    try {
      const version = await startVersion(this.#versionDeps(), ready, { isolation: ready.spec.isolation });
      await this.#drain(before);
      this.#current = version;
      this.running.switchTo(version.running, version.spec.limits);
      this.#retire(before);
    } catch (error) {
      this.#deps.log.warn("A component goes on in the worker and with the settings that it had", {
        component: this.#id,
        reason: reasonOf(error),
      });
      if (ready.spec !== before.spec) throw error;
    }
  }

  /** @throws PetioleError why nothing runs now */
  async #restore(version: ReadyVersion): Promise<void> {
    try {
      this.#current = await startVersion(this.#versionDeps(), version, { isolation: version.spec.isolation });
      this.#down = false;
      this.running.switchTo(this.#current.running, version.spec.limits);
    } catch (error) {
      this.#down = true;
      this.#current = { ...this.#current, ...version };
      this.running.lose();
      this.#deps.log.error("The version before does not start again", { component: this.#id, reason: reasonOf(error) });
      throw error;
    }
  }

  /** Where calls are promised their order, those of the version that goes end before others begin. */
  async #drain(version: Version): Promise<void> {
    if (version.spec.limits.instances > 1) return;
    this.running.hold();
    await this.#drained(version);
  }

  /** Resolves when its calls are over, or have had their time. */
  async #drained({ spec, running }: Version): Promise<void> {
    const { clock } = this.#deps;
    const until = clock.monotonic() + spec.limits.deadline + DRAIN_LIMIT;
    const isOver = (): boolean =>
      running.stats().pending === 0 || clock.monotonic() >= until || this.#stop.signal.aborted;
    while (!isOver()) await clock.sleep(DRAIN_PAUSE);
  }

  /** Ends a version once its calls are over. */
  #retire(version: Version): void {
    this.#work(async () => {
      await this.#drained(version);
      await version.running[Symbol.asyncDispose]();
    });
  }

  /** What runs is what a boot goes back to. */
  async #remember(version: ReadyVersion): Promise<void> {
    if (policyOf(version.spec).trial === 0) return;
    await this.#note((record) => versionAccepted(record, version.prepared.digest));
    await this.#keep(version);
    await this.#deps.onSettled();
  }

  async #keep({ spec, prepared }: ReadyVersion): Promise<void> {
    try {
      await this.#deps.kept?.keep(spec.file, prepared.digest);
    } catch (error) {
      this.#deps.log.warn("No copy of a component's version can be kept: a restart cannot go back to it", {
        component: this.#id,
        digest: prepared.digest,
        reason: reasonOf(error),
      });
    }
  }

  async #mark(digest: Digest, why: string): Promise<PetioleError> {
    const code = "ERR_UPDATE_FAILED";
    const at = this.#deps.clock.wall();
    await this.#note((record) => versionFailed(record, { digest, code, message: why, at }));
    await this.#deps.onSettled();
    return new PetioleError(code, `Cannot update component "${this.#id}" to ${digest}: ${why}`);
  }

  /** A broken disk stops no component: until the agent ends, what was decided is known in memory. */
  async #note(next: (record: VersionRecord) => VersionRecord): Promise<void> {
    try {
      await this.#deps.journal.change(this.#id, next);
    } catch (error) {
      this.#deps.log.error("What became of a component's version cannot be written down", {
        component: this.#id,
        err: error,
      });
    }
  }

  #fail(state: Failure["state"], digest: Digest | undefined, cause: unknown, attempts: number): void {
    const text = `Cannot update component "${this.#id}": ${reasonOf(cause)}`;
    const error = isPetioleError(cause) ? cause : new PetioleError("ERR_INVARIANT", text, { cause });
    const delay = error.retryable || this.#down ? backoffDelay(attempts - 1, RETRY) : undefined;
    const isNews = this.#failure?.error.message !== error.message;
    this.#failure = { state, digest, error, attempts };
    const fields = { component: this.#id, digest, code: error.code, reason: error.message, retryIn: delay };
    const bug = error.kind === "bug" ? { err: error.cause } : {};
    const what = state === "refused" ? "A component keeps its version" : "A component went back to its version before";
    if (isNews) this.#deps.log.error(what, { ...fields, ...bug });
    this.#tell(state, digest, error);
    if (delay !== undefined) this.#work(() => this.#retry(delay));
  }

  async #retry(delay: Millis): Promise<void> {
    await this.#deps.clock.sleep(delay, this.#signal()).catch(() => {});
    this.reconsider();
    // It may wait for this one otherwise.
    void this.catchUp();
  }

  #tell(outcome: UpdateOutcome["outcome"], digest: Digest | undefined, error?: PetioleError): void {
    this.#deps.onOutcome({ component: this.#id, outcome, digest, error });
  }

  #requireTrial(): Trial {
    if (this.#trial !== undefined) return this.#trial;
    throw new PetioleError(
      "ERR_UPDATE_UNKNOWN",
      `Cannot decide about component "${this.#id}": no version of it is on trial`,
    );
  }

  #record(): VersionRecord {
    return this.#deps.journal.get(this.#id);
  }

  #signal(): AbortSignal {
    return AbortSignal.any([this.#deps.signal, this.#stop.signal]);
  }

  #versionDeps(): VersionDeps {
    return { ...this.#deps, signal: this.#signal() };
  }

  #work(task: () => Promise<void>): void {
    const work = task()
      .catch((error: unknown) =>
        this.#deps.log.error("A component's update failed", { component: this.#id, err: error }),
      )
      .finally(() => this.#works.delete(work));
    this.#works.add(work);
  }
}

const policyOf = ({ update }: ComponentSpec): UpdatePolicy => update ?? DEFAULT_UPDATE;

const shown = ({ code, message }: PetioleError): StatusError => ({ code, message });

/** Whether a component that runs as one wants it runs as the other does too. */
function runsAlike(one: ComponentSpec, other: ComponentSpec): boolean {
  const settings = ({ env, config, limits, recycling, isolation, grants }: ComponentSpec) => ({
    env,
    config,
    limits,
    recycling,
    isolation,
    grants,
  });
  return isDeepStrictEqual(settings(one), settings(other));
}
