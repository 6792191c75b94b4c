import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import type { StatusError, UpdateStatus } from "../../domain/status.ts";
import { minutes, seconds, type Millis } from "../../domain/units.ts";
import type { ComponentId, ComponentSpec, Digest, LinkSpec, UpdatePolicy } from "../../domain/workload.ts";
import { backoffDelay } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import { createExclusive } from "../../lib/exclusive.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { PreparedComponent } from "../../runtime/contract.ts";
import { bootVersion } from "./boot-version.ts";
import { askProbe } from "./probe.ts";
import {
  checkLinks,
  checkNeighbours,
  drained,
  readVersion,
  startBeside,
  startVersion,
  type NeighbourLookup,
  type ReadyVersion,
  type Version,
  type VersionDeps,
} from "./start-version.ts";
import { SwitchableComponent } from "./switchable.ts";
import { beginTrial, memoryOf, PASSED, type Trial } from "./trial.ts";
import { shownError, updateStatus, type UpdateFailure, type UpdateOutcome } from "./update-outcome.ts";
import { policyOf, runsAlike } from "./update-policy.ts";
import { createVersionKeeper, type VersionKeeper, type VersionKeeperDeps } from "./version-keeper.ts";
import { trialPaused, trialWithdrawn, versionAccepted } from "./version-record.ts";

export interface SlotDeps extends VersionDeps, VersionKeeperDeps {
  /** Links that the component is an end of. */
  readonly links: () => readonly LinkSpec[];
  readonly neighbour: NeighbourLookup;
  readonly onOutcome: (outcome: UpdateOutcome) => void;
  readonly clock: Clock;
}

const RETRY = { initial: seconds(1), max: minutes(1) };
/**
 * A component, whichever version of it runs. Others hold on to `running`, which stays the same while versions change.
 *
 * Every change of versions happens under one lock. What must survive a power cut is written down before it is done: a
 * version is on trial before it starts, and the one before it is a copy on the disk by then.
 */
export class ComponentSlot implements AsyncDisposable {
  readonly running: SwitchableComponent;
  readonly #deps: SlotDeps;
  readonly #keeper: VersionKeeper;
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
  #failure: UpdateFailure | undefined;
  #again = false;

  private constructor(deps: SlotDeps, wanted: ComponentSpec, version: Version) {
    this.#deps = deps;
    this.#keeper = createVersionKeeper(wanted.id, deps);
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
      slot.#work(() => slot.#lock.run(() => slot.#keeper.remember(version)));
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
    return this.#failure === undefined ? undefined : shownError(this.#failure.error);
  }

  status(): UpdateStatus | undefined {
    return updateStatus({
      running: this.#current.prepared.digest,
      before: this.#previous?.version.prepared.digest,
      trialLeft: this.#trial?.left(),
      starting: this.#starting,
      failure: this.#failure,
    });
  }

  /** Makes `spec` what is wanted; `catchUp` brings it about. */
  want(spec: ComponentSpec): void {
    this.#wanted = spec;
    this.#again = true;
  }

  /** The versions there are go on with what `spec` has for them to read. In all else it is the one that was wanted before. */
  async configure(spec: ComponentSpec): Promise<void> {
    await this.#lock.run(async () => {
      const { config, secrets } = spec;
      const change = (version: Version, isWanted: boolean): Version => {
        version.running.configure(config);
        return { ...version, spec: isWanted ? spec : { ...version.spec, config, secrets } };
      };
      this.#current = change(this.#current, this.#current.spec === this.#wanted);
      if (this.#previous !== undefined) {
        this.#previous = { ...this.#previous, version: change(this.#previous.version, false) };
      }
      this.#wanted = spec;
    });
  }

  /** What failed may have lacked something that is there now. */
  reconsider(): void {
    if (this.#failure !== undefined || this.#down) this.#again = true;
  }

  /** Brings the wanted version to its trial, if it is not running. What keeps it from that is in the status. */
  async catchUp(): Promise<void> {
    const isDue = (): boolean => {
      if (this.#isEnding) return false;
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
        await this.#keeper.note(trialPaused);
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
      if (before?.digest === digest && this.#keeper.isBad(digest)) {
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
      if (!this.#isEnding) this.#fail("refused", digest, error, (before?.attempts ?? 0) + 1);
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
    const before = this.#current;
    await this.#keeper.begin(ready, before, policy);
    const { version, stopped } = await this.#startOrMark(ready, policy);
    if (!stopped) await this.#drain(before);
    this.#current = version;
    this.#down = false;
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
      version = policy.beside ? await startBeside(this.#versionDeps(), ready) : undefined;
      if (version === undefined) {
        this.#deps.log.warn("The version that runs is stopped first: calls wait until the new one is there", {
          component: this.#id,
        });
        this.running.hold();
        await drained(before, this.#deps.clock, this.#stop.signal);
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
        await this.#keeper.note(trialPaused);
        throw error;
      }
      if (stopped) await this.#restore(before).catch(() => {});
      if (isPetioleError(error) && error.kind === "environment") {
        await this.#keeper.note(trialWithdrawn);
        throw error;
      }
      throw await this.#keeper.mark(ready.prepared.digest, reasonOf(error));
    }
  }

  async #await(trial: Trial): Promise<void> {
    const verdict = await trial.verdict;
    if (verdict === undefined) return;
    await this.#lock.run(async () => {
      if (this.#trial !== trial || this.#isEnding) return;
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
        if (!this.#isEnding) await this.#rollBack(trial, reasonOf(error));
        return;
      }
    }
    const previous = this.#previous;
    trial[Symbol.dispose]();
    this.#trial = undefined;
    this.#previous = undefined;
    await this.#keeper.note((record) => versionAccepted(record, trial.digest));
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
    const error = await this.#keeper.mark(trial.digest, why);
    this.#fail("rolled-back", trial.digest, error, 1);
    this.#retire(failed);
  }

  /** Another version is wanted before this one was decided about. */
  async #withdraw(): Promise<void> {
    const trial = this.#requireTrial();
    const withdrawn = this.#current;
    await this.#goBack(trial);
    await this.#keeper.note(trialWithdrawn);
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
    await drained(version, this.#deps.clock, this.#stop.signal);
  }

  /** Ends a version once its calls are over. */
  #retire(version: Version): void {
    this.#work(async () => {
      await drained(version, this.#deps.clock, this.#stop.signal);
      await version.running[Symbol.asyncDispose]();
    });
  }

  #fail(state: UpdateFailure["state"], digest: Digest | undefined, cause: unknown, attempts: number): void {
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

  /** The component, or the whole device, stops: what fails now says nothing about a version. */
  get #isEnding(): boolean {
    return this.#deps.signal.aborted || this.#stop.signal.aborted;
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
