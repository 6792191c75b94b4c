import { PetioleError, isPetioleError } from "../../domain/errors.ts";
import { millis, seconds } from "../../domain/units.ts";
import type { ComponentId, ComponentSpec, Digest, Isolation, LinkEnd, LinkSpec } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import type { EgressPermit, EgressRequest } from "../../lib/http-egress.ts";
import type { Logger } from "../../lib/log.ts";
import type { ComponentEvent, PreparedComponent, RunningComponent, Runtime } from "../../runtime/contract.ts";
import { checkDigest, checkExports, checkFit, checkImports } from "../link-check.ts";
import type { TrustCheck, TrustDecision } from "../ports.ts";

export interface VersionDeps {
  readonly runtime: Runtime;
  readonly trust: TrustCheck | undefined;
  /** Serves the imports of a component. */
  readonly onImport: (id: ComponentId, name: string, fn: string, args: readonly unknown[]) => Promise<unknown>;
  readonly onEgress: (id: ComponentId, request: EgressRequest) => Promise<EgressPermit | undefined>;
  readonly onEvent: (log: Logger, event: ComponentEvent) => void;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** A version that was read, and may run. */
export interface ReadyVersion {
  readonly spec: ComponentSpec;
  readonly prepared: PreparedComponent;
  readonly trust: TrustDecision | undefined;
}

export interface Version extends ReadyVersion {
  readonly running: RunningComponent;
}

/** What readVersion() throws when the bytes are others than those it was to read. */
export class OtherVersion extends Error {
  override readonly name = "OtherVersion";
  readonly digest: Digest;

  constructor(digest: Digest) {
    super(`found ${digest}`);
    this.digest = digest;
  }
}

/**
 * Reads a component and checks whether it may run. With `only`, nothing is done with other bytes.
 * @throws OtherVersion; PetioleError as Runtime.prepare() and the trust check, and ERR_COMPONENT_DIGEST
 */
export async function readVersion(
  { runtime, trust, signal }: VersionDeps,
  spec: ComponentSpec,
  only?: Digest,
): Promise<ReadyVersion> {
  let decision: TrustDecision | undefined;
  const prepared = await runtime.prepare(spec.file, signal, async (read) => {
    if (only !== undefined && read.digest !== only) throw new OtherVersion(read.digest);
    decision = await trust?.check(spec, read);
  });
  if (trust !== undefined && decision === undefined) {
    throw new PetioleError("ERR_INVARIANT", `Cannot start component "${spec.id}": nobody asked whether it may run`);
  }
  checkDigest(spec, prepared.digest);
  return { spec, prepared, trust: decision };
}

/** @throws PetioleError ERR_LINK_MISSING */
export function checkLinks(version: ReadyVersion, links: readonly LinkSpec[], builtin: ReadonlySet<string>): void {
  const { spec, prepared } = version;
  if (spec.links !== "late") checkImports(spec.id, prepared.imports, builtin, links);
}

/** What a component is linked to, when that is a component of this device. */
export type NeighbourLookup = (id: LinkEnd) => PreparedComponent | undefined;

/**
 * A link that works with the version before has to work with this one.
 * @throws PetioleError ERR_EXPORT_MISSING, ERR_LINK_INVALID
 */
export function checkNeighbours(
  { spec, prepared }: ReadyVersion,
  before: PreparedComponent,
  links: readonly LinkSpec[],
  neighbour: NeighbourLookup,
): void {
  for (const link of links) {
    const check = (own: PreparedComponent): void => {
      const [source, target] = [link.source, link.target].map((id) => (id === spec.id ? own : neighbour(id)));
      if (source !== undefined && target !== undefined) checkFit(link, source, target);
      else if (link.target === spec.id) checkExports(link, own.exports);
    };
    if (holds(() => check(before))) check(prepared);
  }
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

export interface StartOptions {
  readonly isolation: Isolation;
}

/** @throws PetioleError as Runtime.start() */
export async function startVersion(
  { runtime, onImport, onEgress, onEvent, log }: VersionDeps,
  version: ReadyVersion,
  options: StartOptions,
): Promise<Version> {
  const { spec, prepared } = version;
  const own = log.child({ component: spec.id });
  const running = await runtime.start(prepared, {
    id: spec.id,
    env: spec.env,
    config: spec.config,
    limits: spec.limits,
    recycling: spec.recycling,
    isolation: options.isolation,
    grants: spec.grants,
    onEvent: (event) => onEvent(own, event),
    onImport: (name, fn, args) => onImport(spec.id, name, fn, args),
    onEgress: (request) => onEgress(spec.id, request),
    log: own,
  });
  return { ...version, running };
}

/**
 * Starts a version in a worker of its own: when it hangs, nobody else suffers. Undefined when there is no room for two.
 * @throws PetioleError as Runtime.start()
 */
export async function startBeside(deps: VersionDeps, version: ReadyVersion): Promise<Version | undefined> {
  try {
    return await startVersion(deps, version, { isolation: "dedicated" });
  } catch (error) {
    if (isPetioleError(error, "ERR_ADDRESS_SPACE")) return undefined;
    throw error;
  }
}

/** Calls of a version that goes get so long, and a deadline more, before others are let pass them. */
const DRAIN_LIMIT = seconds(30);
const DRAIN_PAUSE = millis(5);

/** Resolves when the calls of a version are over, or have had their time. */
export async function drained({ spec, running }: Version, clock: Clock, signal: AbortSignal): Promise<void> {
  const until = clock.monotonic() + spec.limits.deadline + DRAIN_LIMIT;
  const isOver = (): boolean => running.stats().pending === 0 || clock.monotonic() >= until || signal.aborted;
  while (!isOver()) await clock.sleep(DRAIN_PAUSE);
}
