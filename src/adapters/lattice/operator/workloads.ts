import { PetioleError, isPetioleError } from "../../../domain/errors.ts";
import type { OperatorWorkload } from "../../../domain/status.ts";
import { minutes, seconds, type Millis } from "../../../domain/units.ts";
import type { ComponentId } from "../../../domain/workload.ts";
import type { HostStatus } from "../../../host/host.ts";
import { backoffDelay } from "../../../lib/backoff.ts";
import type { Clock } from "../../../lib/clock.ts";
import { createExclusive } from "../../../lib/exclusive.ts";
import type { Logger } from "../../../lib/log.ts";
import { reasonOf } from "../../../lib/reason.ts";
import type { Contact } from "./contact.ts";
import { isReplacement } from "./replacement.ts";
import {
  MOST_NAME,
  componentId,
  imageReference,
  translate,
  workloadProblem,
  type ResolvedImage,
  type Surroundings,
  type Translated,
  type Translation,
} from "./translate.ts";
import type { Folders } from "./folders.ts";
import { MOST_MESSAGE, type PullPolicyName, type Workload, type WorkloadStatus } from "./wire.ts";
import { stateOf, summaryOf, type Shown } from "./workload-state.ts";
import type { StoredWorkload, WorkloadStore } from "./workload-store.ts";

export interface WantedImage {
  readonly component: ComponentId;
  readonly reference: string;
  readonly policy: PullPolicyName;
}

export interface WorkloadsDeps {
  readonly store: WorkloadStore;
  readonly folders: Folders;
  readonly contact: Contact;
  /** Another object when something of it has changed. */
  readonly around: () => Surroundings;
  /** Brings an image to the device and reads it. @throws PetioleError */
  readonly resolve: (image: WantedImage, signal: AbortSignal) => Promise<ResolvedImage>;
  readonly running: () => HostStatus;
  /** Makes what `translations` gives run. Resolves after the first pass. */
  readonly apply: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the operator wants of this device. Nothing of it waits for the operator: it is stored, and runs without it. */
export interface Workloads extends AsyncDisposable {
  /** Goes on with what was stored. */
  load(): Promise<void>;
  begin(): void;
  start(id: string, workload: Workload): Promise<WorkloadStatus>;
  status(id: string): WorkloadStatus;
  stop(id: string): Promise<WorkloadStatus>;
  /** Stops what the operator knows no more. */
  sweep(lease: Millis | undefined): void;
  translations(): readonly Translation[];
  /** By the component that it is for. */
  pullSecret(component: ComponentId): { readonly user: string; readonly password: string } | undefined;
  list(): readonly OperatorWorkload[];
  counts(): { readonly workloads: number; readonly components: number };
}

interface Slot {
  stored: StoredWorkload;
  /** Of its text. */
  readonly size: number;
  readonly stop: AbortController;
  /** Resolves at its first success or failure. */
  readonly settled: PromiseWithResolvers<void>;
  readonly work: PromiseWithResolvers<void>;
  /** One from the store waits for `begin()`; one that is asked for does not. */
  isBegun: boolean;
  phase: "fetching" | "ready";
  failure: string | undefined;
  removed: Promise<void> | undefined;
  /** What it was translated to, with what. */
  translated: { readonly images: unknown; readonly around: Surroundings; readonly result: Translated } | undefined;
}

/** No more is kept of it: the request may have a megabyte. */
interface Refused {
  readonly namespace: string;
  readonly name: string;
  readonly problem: string;
}

const MOST_WORKLOADS = 256;
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_WAITING = 256;
/** Characters of what is said in the log. */
const MOST_TEXT = 2000;
/** The operator waits 60 s for a start and 30 s for a stop. */
const START_LIMIT = seconds(15);
const STOP_LIMIT = seconds(20);
const RETRY = { initial: seconds(1), max: minutes(1) };

/** A text of its own: a slice would keep the whole one in memory. */
const cut = (text: string, most: number): string => Buffer.from(text.slice(0, most)).toString();

const typed = (cause: unknown): PetioleError =>
  isPetioleError(cause) ? cause : new PetioleError("ERR_INVARIANT", reasonOf(cause), { cause });

export function createWorkloads(deps: WorkloadsDeps): Workloads {
  const { store, folders, contact, clock, log } = deps;
  const slots = new Map<string, Slot>();
  /** What this device cannot run, by id, until it is stopped or the operator forgets it. */
  const refused = new Map<string, Refused>();
  const begun = Promise.withResolvers<void>();
  const applying = createExclusive();
  const stopping = new AbortController();
  let queued: Promise<void> | undefined;
  let waiting = 0;

  /** Several changes are one pass. */
  function apply(): Promise<void> {
    queued ??= begun.promise.then(() =>
      applying.run(async () => {
        queued = undefined;
        if (!stopping.signal.aborted) await deps.apply();
      }),
    );
    return queued;
  }

  async function tryToApply(): Promise<void> {
    try {
      await apply();
    } catch (error) {
      log.error("Cannot make the workloads run as they are wanted", { err: error });
    }
  }

  const fieldsOf = ({ id, workload }: Pick<StoredWorkload, "id" | "workload">) => ({
    workload: id,
    namespace: workload.namespace.slice(0, MOST_NAME),
    name: workload.name.slice(0, MOST_NAME),
  });

  async function keep(stored: StoredWorkload): Promise<void> {
    try {
      await store.save(stored);
    } catch (error) {
      log.error("Cannot store a workload: a reboot would forget it", { ...fieldsOf(stored), err: error });
    }
  }

  function open(stored: StoredWorkload, size: number): Slot {
    const slot: Slot = {
      stored,
      size,
      stop: new AbortController(),
      settled: Promise.withResolvers(),
      work: Promise.withResolvers(),
      isBegun: false,
      phase: stored.images === undefined ? "fetching" : "ready",
      failure: undefined,
      removed: undefined,
      translated: undefined,
    };
    slots.set(stored.id, slot);
    return slot;
  }

  async function run(slot: Slot): Promise<void> {
    if (slot.isBegun) return;
    slot.isBegun = true;
    try {
      for (let attempt = 0; !slot.stop.signal.aborted; attempt++) {
        try {
          await makeReady(slot);
          await apply();
          return;
        } catch (cause) {
          if (slot.stop.signal.aborted) return;
          const error = typed(cause);
          const retryIn = error.retryable ? backoffDelay(attempt, RETRY) : undefined;
          fail(slot, error, retryIn);
          if (error.code === "ERR_WORKLOAD_VOLUME" && slot.phase === "ready") {
            slot.phase = "fetching";
            await tryToApply();
          }
          if (attempt === 0) await keep(slot.stored);
          slot.settled.resolve();
          if (retryIn === undefined) return;
          await clock.sleep(retryIn, slot.stop.signal).catch(() => {});
        }
      }
    } finally {
      slot.settled.resolve();
      slot.work.resolve();
    }
  }

  /** What has not begun and never will is at its end. */
  function end(slot: Slot, reason: PetioleError): void {
    slot.stop.abort(reason);
    if (slot.isBegun) return;
    slot.isBegun = true;
    slot.settled.resolve();
    slot.work.resolve();
  }

  async function makeReady(slot: Slot): Promise<void> {
    const { id, workload } = slot.stored;
    await folders.make(id, workload);
    slot.stop.signal.throwIfAborted();
    if (slot.stored.images === undefined) {
      const images = await Promise.all(
        (workload.witWorld?.components ?? []).map((component, index) =>
          deps.resolve(
            {
              component: componentId(id, workload, index),
              reference: imageReference(component),
              policy: component.imagePullPolicy,
            },
            slot.stop.signal,
          ),
        ),
      );
      slot.stop.signal.throwIfAborted();
      slot.stored = { id, workload, images };
      await keep(slot.stored);
      slot.stop.signal.throwIfAborted();
      for (const other of slots.values()) {
        if (other === slot || !contact.isUnconfirmed(other.stored.id)) continue;
        if (!isReplacement(workload, other.stored.workload)) continue;
        log.warn("A workload is replaced: it is of the time before the operator was away", fieldsOf(other.stored));
        void remove(other);
      }
    }
    slot.failure = undefined;
    slot.phase = "ready";
  }

  /** Before its first run: what its folders lead to may be something else by now. */
  async function checkFolders(slot: Slot): Promise<void> {
    try {
      await folders.make(slot.stored.id, slot.stored.workload);
    } catch (cause) {
      slot.phase = "fetching";
      fail(slot, typed(cause), undefined);
    }
  }

  function fail(slot: Slot, error: PetioleError, retryIn: Millis | undefined): void {
    const { code, message } = error;
    const known = slot.failure === `${code}: ${message}`;
    slot.failure = `${code}: ${message}`;
    if (known) return;
    const bug = error.kind === "bug" ? { err: error.cause } : {};
    log.error("A workload cannot be started", { ...fieldsOf(slot.stored), code, reason: message, retryIn, ...bug });
  }

  /** Its id stays taken until all of it is gone. Never rejects: what cannot be done is in the log. */
  function remove(slot: Slot): Promise<void> {
    slot.removed ??= (async () => {
      const { id } = slot.stored;
      end(slot, new PetioleError("ERR_COMPONENT_STOPPED", "The workload was stopped"));
      contact.forget(id);
      await store.remove(id).catch((error: unknown) => {
        log.error("Cannot store that a workload was stopped", { ...fieldsOf(slot.stored), err: error });
      });
      // What the start was at has an end: its signal is aborted.
      await slot.work.promise;
      await tryToApply();
      try {
        await folders.remove(id);
      } catch (error) {
        log.error("Cannot remove the folders of a workload: the next boot does", {
          ...fieldsOf(slot.stored),
          err: error,
        });
      } finally {
        slots.delete(id);
        // It may have been asked for meanwhile.
        contact.forget(id);
      }
      log.info("Workload stopped", fieldsOf(slot.stored));
    })();
    return slot.removed;
  }

  function translated(slot: Slot, images: readonly ResolvedImage[]): Translated {
    const around = deps.around();
    const { id, workload } = slot.stored;
    if (slot.translated?.images !== images || slot.translated.around !== around) {
      slot.translated = { images, around, result: translate(id, workload, images, around) };
    }
    return slot.translated.result;
  }

  function shownOf(slot: Slot, running = deps.running()): Shown {
    const { images } = slot.stored;
    const isThere = slot.phase === "ready" && images !== undefined;
    return stateOf(
      {
        isStopping: slot.removed !== undefined,
        failure: slot.failure,
        translated: isThere ? translated(slot, images) : undefined,
      },
      running,
    );
  }

  const statusOf = (slot: Slot): WorkloadStatus => ({ workloadId: slot.stored.id, ...shownOf(slot) });

  async function settledStatus(slot: Slot): Promise<WorkloadStatus> {
    if (slot.removed === undefined && waiting < MOST_WAITING) {
      waiting += 1;
      await within(slot.settled.promise, START_LIMIT);
      waiting -= 1;
      // What is promised is kept; what is ready by now has been.
      if (slot.phase === "fetching" && !slot.stop.signal.aborted) await keep(slot.stored);
    }
    return statusOf(slot);
  }

  /** Resolves with the promise, or after the limit. */
  async function within(promise: Promise<void>, limit: Millis): Promise<void> {
    const over = new AbortController();
    await Promise.race([promise, clock.sleep(limit, over.signal).catch(() => {})]);
    over.abort();
  }

  function noRoom(size: number): string | undefined {
    if (slots.size >= MOST_WORKLOADS) return `this host runs at most ${MOST_WORKLOADS} workloads`;
    const bytes = [...slots.values()].reduce((sum, slot) => sum + slot.size, 0);
    return bytes + size > MOST_BYTES ? `the workloads of this host have at most ${MOST_BYTES} bytes` : undefined;
  }

  function refuse(id: string, workload: Workload, problem: string): WorkloadStatus {
    const { namespace, name } = workload;
    refused.delete(id);
    refused.set(id, {
      namespace: cut(namespace, MOST_NAME),
      name: cut(name, MOST_NAME),
      problem: cut(problem, MOST_MESSAGE),
    });
    const [oldest] = refused.keys();
    if (refused.size > MOST_WORKLOADS && oldest !== undefined) refused.delete(oldest);
    log.warn("A workload is refused", { ...fieldsOf({ id, workload }), reason: problem.slice(0, MOST_TEXT) });
    return { workloadId: id, state: "WORKLOAD_STATE_ERROR", message: problem };
  }

  return {
    async load() {
      for (const stored of await store.load()) open(stored, JSON.stringify(stored.workload).length);
      await folders.retain([...slots.keys()]).catch((error: unknown) => {
        log.error("Cannot remove the folders of workloads that are gone", { err: error });
      });
      await Promise.all([...slots.values()].map(checkFolders));
    },

    begin() {
      for (const slot of slots.values()) if (slot.removed === undefined) void run(slot);
      begun.resolve();
    },

    async start(id, workload) {
      contact.heard(clock.monotonic());
      const known = slots.get(id);
      // One that is asked for again goes on as it is.
      if (known !== undefined) {
        contact.named(id, clock.monotonic());
        return await settledStatus(known);
      }
      const size = JSON.stringify(workload).length;
      const problem = workloadProblem(workload, deps.around()) ?? noRoom(size);
      if (problem !== undefined) return refuse(id, workload, problem);
      refused.delete(id);
      contact.named(id, clock.monotonic());
      const slot = open({ id, workload, images: undefined }, size);
      log.info("Workload is wanted", fieldsOf(slot.stored));
      void run(slot);
      return await settledStatus(slot);
    },

    status(id) {
      const slot = slots.get(id);
      const one = refused.get(id);
      contact.heard(clock.monotonic());
      if (slot !== undefined) {
        contact.named(id, clock.monotonic());
        return statusOf(slot);
      }
      if (one !== undefined) return { workloadId: id, state: "WORKLOAD_STATE_ERROR", message: one.problem };
      return { workloadId: id, state: "WORKLOAD_STATE_NOT_FOUND", message: "this host does not know it" };
    },

    async stop(id) {
      contact.heard(clock.monotonic());
      const slot = slots.get(id);
      if (slot === undefined && !refused.delete(id)) {
        return { workloadId: id, state: "WORKLOAD_STATE_NOT_FOUND", message: "this host does not know it" };
      }
      if (slot !== undefined) await within(remove(slot), STOP_LIMIT);
      return { workloadId: id, state: "WORKLOAD_STATE_STOPPING", message: "it was stopped" };
    },

    sweep(lease) {
      if (lease === undefined) return;
      const now = clock.monotonic();
      for (const slot of slots.values()) {
        if (slot.removed !== undefined || !contact.isForgotten(slot.stored.id, now, lease)) continue;
        log.warn(
          "A workload is stopped: the operator is there and does not ask for it any more",
          fieldsOf(slot.stored),
        );
        void remove(slot);
      }
    },

    translations: () =>
      [...slots.values()].flatMap((slot) => {
        const { images } = slot.stored;
        if (images === undefined || slot.phase !== "ready" || slot.removed !== undefined) return [];
        const result = translated(slot, images);
        return "problem" in result ? [] : [result];
      }),

    pullSecret(component) {
      for (const { stored } of slots.values()) {
        for (const [index, one] of (stored.workload.witWorld?.components ?? []).entries()) {
          if (componentId(stored.id, stored.workload, index) !== component) continue;
          const { username: user = "", password = "" } = one.imagePullSecret ?? {};
          // One without content is sent for a registry that the secret has nothing for.
          return user === "" && password === "" ? undefined : { user, password };
        }
      }
      return undefined;
    },

    list() {
      const running = deps.running();
      return [
        ...[...slots.values()].map((slot) => summaryOf(slot.stored.id, slot.stored.workload, shownOf(slot, running))),
        ...[...refused].map(([id, one]) => summaryOf(id, one, { state: "WORKLOAD_STATE_ERROR", message: one.problem })),
      ];
    },

    counts() {
      const running = deps.running();
      const up = [...slots.values()].filter((slot) => shownOf(slot, running).state === "WORKLOAD_STATE_RUNNING");
      return {
        workloads: slots.size + refused.size,
        components: up.reduce((sum, { stored }) => sum + (stored.workload.witWorld?.components.length ?? 0), 0),
      };
    },

    async [Symbol.asyncDispose]() {
      stopping.abort();
      begun.resolve();
      for (const slot of slots.values()) end(slot, new PetioleError("ERR_COMPONENT_STOPPED", "The agent is stopping"));
      const fetching = [...slots.values()].filter(({ phase }) => phase === "fetching");
      await Promise.all(fetching.map(({ work }) => work.promise));
    },
  };
}
