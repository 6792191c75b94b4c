import { isPetioleError, type ErrorCode } from "../../domain/errors.ts";
import { millis, type Millis } from "../../domain/units.ts";
import type { Digest, UpdatePolicy } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import type { RunningComponent, RunningStats } from "../../runtime/contract.ts";
import { judgeTrial } from "./judge-trial.ts";
import type { OnSettled } from "./switchable.ts";

export interface TrialDeps {
  readonly digest: Digest;
  readonly policy: UpdatePolicy;
  /** The version on trial. */
  readonly running: RunningComponent;
  /** Memory of an instance of the version before. */
  readonly before: number;
  /** Of its calls. */
  readonly deadline: Millis;
  readonly clock: Clock;
  /** Called in the moment in which it is decided that the version has to go: no further call is to reach it. */
  readonly onFault: () => void;
}

/** The time in which a version has to prove itself. Disposing it ends that without a verdict. */
export interface Trial extends Disposable {
  readonly digest: Digest;
  readonly onSettled: OnSettled;
  /** Why the version has to go, or `passed`; undefined when the trial was ended before. */
  readonly verdict: Promise<string | undefined>;
  left(): Millis;
}

export const PASSED = "passed";

/** Memory and what the runtime notices by itself are looked at so often. */
const LONGEST_PAUSE = millis(1000);

/** A worker that is stuck is ended some time after the deadline. */
const DEADLINE_GRACE = 1000;

/** What a component can be blamed for. What its imports fail with, and calls that it was too busy for, are not among it. */
const BLAMED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_COMPONENT_TRAP",
  "ERR_COMPONENT_DEADLINE",
  "ERR_COMPONENT_MEMORY",
  "ERR_COMPONENT_RESPONSE",
  "ERR_EXPORT_MISSING",
]);

export function beginTrial({ digest, policy, running, before, deadline, clock, onFault }: TrialDeps): Trial {
  const end = new AbortController();
  const verdict = Promise.withResolvers<string | undefined>();
  let until = clock.monotonic() + policy.trial;
  let extended = false;
  let failures = 0;
  let lastFailure: string | undefined;

  function examine(): boolean {
    const stats = running.stats();
    const facts = { failures, lastFailure, degraded: stats.degraded, memory: memoryOf(stats), before };
    const fault = end.signal.aborted ? undefined : judgeTrial(facts, policy);
    if (fault === undefined) return false;
    end.abort();
    onFault();
    verdict.resolve(fault);
    return true;
  }

  async function watch(): Promise<void> {
    while (!end.signal.aborted && !examine()) {
      const left = until - clock.monotonic();
      if (left <= 0 && !extended && running.stats().pending > 0) {
        // A call that hangs has not failed yet.
        extended = true;
        until += deadline + DEADLINE_GRACE;
      } else if (left <= 0) {
        end.abort();
        verdict.resolve(PASSED);
        return;
      }
      await clock.sleep(millis(Math.min(Math.max(0, left), LONGEST_PAUSE)), end.signal).catch(() => {});
    }
  }
  void watch();

  return {
    digest,
    verdict: verdict.promise,
    left: () => millis(Math.max(0, until - clock.monotonic())),
    onSettled(error) {
      if (!isPetioleError(error) || !BLAMED.has(error.code)) return;
      failures++;
      lastFailure = `${error.code}: ${error.message}`;
      examine();
    },
    [Symbol.dispose]() {
      end.abort();
      verdict.resolve(undefined);
    },
  };
}

/** Linear memory of an instance; undefined while there is none. */
export function memoryOf({ memory, instances }: RunningStats): number | undefined {
  return instances === 0 ? undefined : memory / instances;
}
