import { isDeepStrictEqual } from "node:util";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { ComponentStatus, ImageStatus, ProviderStatus } from "../domain/status.ts";
import { minutes, seconds } from "../domain/units.ts";
import type { DesiredState, Digest, ImageSource, LinkSpec, WantedState } from "../domain/workload.ts";
import { backoffDelay } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { reasonOf } from "../lib/reason.ts";
import type { Host, HostStatus } from "./host.ts";
import type { Artifact, ArtifactRequest, Artifacts, FetchProgress } from "./ports.ts";
import { readyState, type StandIn } from "./ready-state.ts";
import type { UpdateControl } from "./update/update-control.ts";

export interface ImageHostDeps {
  readonly host: Host;
  readonly artifacts: Artifacts;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Brings images to the device, and has the host run what is there. */
export interface ImageHost extends AsyncDisposable {
  /**
   * Makes `wanted` the state to reach. Resolves after the first pass over what is on the device; what has to be fetched
   * follows, each as it comes, and until then a component goes on as it was.
   */
  apply(wanted: WantedState): Promise<void>;
  status(): HostStatus;
  /** Where the bytes of a component are that is wanted, when they are there. */
  fileOf(id: string): string | undefined;
  readonly updates: UpdateControl;
  /** As that of the host. */
  probe(): Promise<void>;
  /** As that of the host. */
  checkLink(link: LinkSpec): Promise<void>;
}

/** The way of a component, or a provider, to its artifact. Replaced, with its work ended, when another image is wanted. */
interface Slot {
  readonly kind: "component" | "provider";
  readonly image: ImageSource;
  readonly want: Digest | undefined;
  readonly stop: AbortController;
  artifact: Artifact | undefined;
  /** The version that worked last, for a boot that does not have the artifact yet. */
  standIn: StandIn | undefined;
  progress: FetchProgress | undefined;
  fetching: boolean;
  failure: PetioleError | undefined;
  /** Somebody fetches, or waits to do so again. */
  working: boolean;
}

/** What is nobody's fault here may be over soon; a missing image or password takes a person. */
const SOON = { initial: seconds(1), max: seconds(60) };
const LATER = { initial: seconds(5), max: minutes(10) };
const NOTHING: DesiredState = { components: [], providers: [], links: [] };

/** The host that is given is disposed with this one. */
export function createImageHost({ host, artifacts, clock, log }: ImageHostDeps): ImageHost {
  /** By the names that components and providers share. */
  const slots = new Map<string, Slot>();
  const works = new Set<Promise<void>>();
  const stopping = new AbortController();
  let wanted: WantedState = NOTHING;
  let ready = NOTHING;

  const requestOf = (component: string, { kind, image, want }: Slot): ArtifactRequest => ({
    component,
    ...(kind === "component" ? {} : { kind: "executable" }),
    reference: image.reference,
    want,
  });

  async function makeReady(): Promise<void> {
    const there = [...slots].flatMap(([id, { artifact }]) => (artifact === undefined ? [] : [[id, artifact] as const]));
    const spare = [...slots].flatMap(([id, { standIn }]) => (standIn === undefined ? [] : [[id, standIn] as const]));
    const next = readyState(wanted, { artifacts: new Map(there), standIns: new Map(spare), before: ready });
    ready = next;
    await host.apply(next);
  }

  /** Slots for what is wanted now; those of the same image stay, with what they know. */
  function assignSlots(): void {
    const images = new Map<string, Pick<Slot, "kind" | "want"> & { readonly image: ImageSource | undefined }>();
    for (const { id, image, digest } of wanted.components) images.set(id, { kind: "component", image, want: digest });
    for (const { id, image, config } of wanted.providers) {
      images.set(id, { kind: "provider", image, want: digestIn(config) });
    }
    for (const [id, slot] of slots) {
      const now = images.get(id);
      const same = now?.kind === slot.kind && isDeepStrictEqual(now.image, slot.image) && now.want === slot.want;
      if (same) continue;
      slot.stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", `Another image is wanted for ${slot.kind} "${id}"`));
      slots.delete(id);
    }
    for (const [id, { kind, image, want }] of images) {
      if (image !== undefined && !slots.has(id)) slots.set(id, newSlot(kind, image, want));
    }
  }

  async function recall(id: string, slot: Slot): Promise<void> {
    if (slot.artifact !== undefined) return;
    try {
      slot.artifact = await artifacts.recall(requestOf(id, slot), slot.stop.signal);
      if (slot.artifact !== undefined) logReady(id, slot, "cache");
    } catch (error) {
      if (!slot.stop.signal.aborted) fail(id, slot, error, undefined);
    }
    if (slot.artifact === undefined && slot.kind === "component") slot.standIn = await host.updates.accepted(id);
  }

  /** Fetches until there is nothing to fetch any more. */
  async function fetch(id: string, slot: Slot): Promise<void> {
    const { signal } = slot.stop;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        slot.fetching = true;
        const artifact = await artifacts.fetch(requestOf(id, slot), signal, (progress) => {
          slot.progress = progress;
        });
        signal.throwIfAborted();
        const changed = artifact.content !== slot.artifact?.content;
        slot.artifact = artifact;
        slot.failure = undefined;
        if (changed) {
          logReady(id, slot, "source");
          idle(slot);
          await makeReady();
        }
        return;
      } catch (error) {
        if (signal.aborted) return;
        const failure = isPetioleError(error) ? error : unexpected(id, error);
        const delay = failure.retryable ? backoffDelay(attempt, failure.kind === "user" ? LATER : SOON) : undefined;
        fail(id, slot, failure, delay);
        if (delay === undefined) return;
        idle(slot);
        await clock.sleep(delay, signal).catch(() => {});
      } finally {
        idle(slot);
      }
    }
  }

  function fail(id: string, slot: Slot, cause: unknown, retryIn: number | undefined): void {
    const error = isPetioleError(cause) ? cause : unexpected(id, cause);
    const { code, message } = error;
    const fields = { [slot.kind]: id, reference: slot.image.reference, code, reason: message, retryIn };
    // A device may be without a network for days: one line for each new reason.
    const known = slot.failure?.message === message;
    slot.failure = error;
    if (known) return;
    const bug = error.kind === "bug" ? { err: error.cause } : {};
    if (slot.artifact === undefined) log.error("Image cannot be had", { ...fields, ...bug });
    else if (isNews(slot)) log.error("New image cannot be had: what was there goes on", { ...fields, ...bug });
    else log.info("Image cannot be asked for: what is on the device is used", fields);
  }

  function logReady(id: string, { kind, artifact }: Slot, from: string): void {
    log.info("Image is ready", {
      [kind]: id,
      reference: artifact?.reference,
      digest: artifact?.digest,
      content: artifact?.content,
      from,
    });
  }

  return {
    async apply(next) {
      if (stopping.signal.aborted) return;
      wanted = next;
      assignSlots();
      const mine = [...slots];
      await artifacts.retain(mine.map(([id]) => id)).catch((error: unknown) => {
        log.warn("It cannot be written down which artifacts are not needed any more", { err: error });
      });
      await host.updates.retain(next.components.map(({ id }) => id));
      await Promise.all(mine.map(([id, slot]) => recall(id, slot)));
      // Meanwhile somebody may have wanted something else, and is at it.
      if (stopping.signal.aborted || wanted !== next) return;
      await makeReady();
      for (const [id, slot] of mine) {
        if (slots.get(id) !== slot || slot.fetching) continue;
        if (slot.artifact !== undefined && slot.image.pull === "missing") continue;
        // One that waits for its next try makes it now.
        begin(id, slot.working ? renew(id, slot) : slot);
      }
    },

    updates: host.updates,
    probe: () => host.probe(),
    fileOf: (id) => host.fileOf(id),
    checkLink: async (link) => await host.checkLink(link),

    status() {
      const { components, providers, links } = host.status();
      const running = new Map(components.map((status) => [status.id, status]));
      const alive = new Map(providers.map((status) => [status.id, status]));
      return {
        components: wanted.components.map(({ id }) => {
          const slot = slots.get(id);
          const status = running.get(id) ?? notRunning(id);
          return slot === undefined ? status : withImage(status, slot);
        }),
        providers: wanted.providers.map(({ id, type }) => {
          const slot = slots.get(id);
          const status = alive.get(id) ?? { id, type, state: "starting", lastError: undefined };
          return slot === undefined ? status : withImage(status, slot);
        }),
        links,
      };
    },

    async [Symbol.asyncDispose]() {
      const reason = new PetioleError("ERR_COMPONENT_STOPPED", "The agent is stopping");
      stopping.abort(reason);
      wanted = NOTHING;
      for (const { stop } of slots.values()) stop.abort(reason);
      await Promise.all(works);
      await host[Symbol.asyncDispose]();
    },
  };

  function begin(id: string, slot: Slot): void {
    slot.working = true;
    const work = fetch(id, slot).finally(() => {
      slot.working = false;
      works.delete(work);
    });
    works.add(work);
  }

  /** Another turn of the same slot, with what it knows. */
  function renew(id: string, slot: Slot): Slot {
    slot.stop.abort(new PetioleError("ERR_COMPONENT_STOPPED", `"${id}" is tried again`));
    const fresh = { ...slot, stop: new AbortController(), working: false };
    slots.set(id, fresh);
    return fresh;
  }
}

const newSlot = (kind: Slot["kind"], image: ImageSource, want: Digest | undefined): Slot => ({
  kind,
  image,
  want,
  stop: new AbortController(),
  artifact: undefined,
  standIn: undefined,
  progress: undefined,
  fetching: false,
  failure: undefined,
  working: false,
});

/** Nobody waits for a source that is out of reach while the artifact is here. */
const isNews = ({ artifact, failure }: Slot): boolean =>
  artifact === undefined || failure?.code !== "ERR_ARTIFACT_UNREACHABLE";

function idle(slot: Slot): void {
  slot.fetching = false;
  slot.progress = undefined;
}

/** What the bytes of a provider have to be, when its configuration says so. */
function digestIn(config: unknown): Digest | undefined {
  if (typeof config !== "object" || config === null || !("digest" in config)) return undefined;
  return typeof config.digest === "string" ? config.digest : undefined;
}

function unexpected(id: string, cause: unknown): PetioleError {
  return new PetioleError("ERR_INVARIANT", `Cannot fetch "${id}": ${reasonOf(cause)}`, { cause });
}

function withImage<Status extends ComponentStatus | ProviderStatus>(status: Status, slot: Slot): Status {
  const { image, artifact, progress, fetching, failure } = slot;
  const shown: ImageStatus = {
    reference: image.reference,
    digest: artifact?.digest,
    fetching: fetching ? (progress ?? "resolving") : undefined,
  };
  const lost = isNews(slot) ? failure : undefined;
  const lastError = lost === undefined ? status.lastError : { code: lost.code, message: lost.message };
  const state = artifact !== undefined || status.state === "running" ? status.state : fetching ? "fetching" : "failed";
  return { ...status, state, lastError, image: shown };
}

const notRunning = (id: string): ComponentStatus => ({
  id,
  state: "starting",
  digest: undefined,
  trust: undefined,
  image: undefined,
  calls: 0,
  failures: 0,
  restarts: 0,
  degraded: false,
  instances: 0,
  memory: 0,
  reserved: 0,
  cpuTime: 0,
  breaches: {},
  lastError: undefined,
});
