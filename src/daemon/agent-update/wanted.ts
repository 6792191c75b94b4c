// The release that the hub's document asks for: installed when its time has come, and tried again while that may help.

import type { WantedAgent } from "../../config/schema.ts";
import { parseReference, type ArtifactReference } from "../../domain/artifact-reference.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { UpdateAnswer, WantedRelease } from "../../domain/release.ts";
import { minutes, seconds, type Millis } from "../../domain/units.ts";
import { VERSION } from "../../domain/version.ts";
import { backoffDelay } from "../../lib/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import { untilWindow, type MaintenanceWindow } from "./window.ts";

export interface WantedDeps {
  readonly window: MaintenanceWindow | undefined;
  readonly isClockSynced: () => boolean;
  readonly isOnTrial: () => boolean;
  readonly install: (reference: ArtifactReference, version: string, signal: AbortSignal) => Promise<UpdateAnswer>;
  /** It will not be tried again. */
  readonly onRefused: (refusal: {
    readonly to: string;
    readonly code: string;
    readonly reason: string;
  }) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Wanted extends AsyncDisposable {
  want(agent: WantedAgent | undefined): void;
  begin(): void;
  status(): WantedRelease | undefined;
}

const BACKOFF = { initial: minutes(1), max: minutes(60) };
/** The window, the clock and a trial are looked at again after so long at most. */
const LOOK = seconds(30);

export function createWanted(deps: WantedDeps): Wanted {
  const { window, clock, log, signal } = deps;
  let agent: WantedAgent | undefined;
  let begun = false;
  let status: Pick<WantedRelease, "state" | "reason"> = { state: "waiting", reason: undefined };
  let turn = new AbortController();
  let working = Promise.resolve();

  /** How long to wait before anything may be installed, and for what; 0 when it may. */
  function obstacle(): { readonly wait: Millis; readonly reason: string } | undefined {
    if (deps.isOnTrial()) return { wait: LOOK, reason: "the version that runs is on trial" };
    if (window === undefined) return undefined;
    if (!deps.isClockSynced()) return { wait: LOOK, reason: "nobody has set the clock, so the window is not known" };
    const left = untilWindow(window, new Date(clock.wall()));
    return left === 0 ? undefined : { wait: left < LOOK ? left : LOOK, reason: "the maintenance window is not open" };
  }

  async function work({ version, release }: WantedAgent, signal: AbortSignal): Promise<void> {
    const parsed = parseReference(release);
    if ("fault" in parsed)
      throw new PetioleError("ERR_ARTIFACT_REFERENCE", `Cannot use the reference: ${parsed.fault}`);
    for (let failures = 0; ;) {
      for (let found = obstacle(); found !== undefined; found = obstacle()) {
        status = { state: "waiting", reason: found.reason };
        await clock.sleep(found.wait, signal);
      }
      try {
        status = { state: "installing", reason: undefined };
        await deps.install(parsed.reference, version, signal);
        return;
      } catch (error) {
        if (signal.aborted || !(error instanceof PetioleError) || !error.retryable || isVerdict(error)) throw error;
        const reason = `${error.code}: ${error.message}`;
        failures++;
        status = { state: "waiting", reason };
        log.warn("A version of petiole cannot be installed now", { version, code: error.code, reason: error.message });
        await clock.sleep(backoffDelay(failures, BACKOFF), signal);
      }
    }
  }

  function start(): void {
    turn.abort(new Error("something else is wanted"));
    turn = new AbortController();
    if (!begun || agent === undefined) return;
    const asked = agent;
    if (asked.version === VERSION) {
      status = { state: "current", reason: undefined };
      return;
    }
    const either = AbortSignal.any([signal, turn.signal]);
    working = working.then(async () => {
      if (either.aborted) return;
      try {
        await work(asked, either);
      } catch (error) {
        if (either.aborted) return;
        const code = error instanceof PetioleError ? error.code : "ERR_INVARIANT";
        const reason = reasonOf(error);
        status = { state: "refused", reason: `${code}: ${reason}` };
        log.error("A version of petiole is refused", { version: asked.version, code, reason });
        await deps.onRefused({ to: asked.version, code, reason });
      }
    });
  }

  return {
    want(next) {
      if (next?.version === agent?.version && next?.release === agent?.release) return;
      agent = next;
      start();
    },
    begin() {
      begun = true;
      start();
    },
    status: () => (agent === undefined ? undefined : { ...agent, ...status }),
    async [Symbol.asyncDispose]() {
      turn.abort(new Error("the agent is ending"));
      await working;
    },
  };
}

/** For components they are looked at again because files change; a release does not. */
const isVerdict = ({ code }: PetioleError): boolean =>
  code.startsWith("ERR_TRUST_") && code !== "ERR_TRUST_CLOCK" && code !== "ERR_TRUST_EARLY";
