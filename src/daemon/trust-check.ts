import { PetioleError } from "../domain/errors.ts";
import { UNTRUSTED } from "../domain/trust.ts";
import { VERSION } from "../domain/version.ts";
import type { ExecutableTrustCheck, StateStore, TrustCheck, TrustDecision } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import type { Subject } from "../trust/claim.ts";
import { judge, type Circumstances, type Evidence, type TrustPolicy, type Verdict } from "../trust/judge.ts";
import { NOTHING_REMEMBERED, formatMemory, parseMemory, remember, type TrustMemory } from "../trust/memory.ts";
import { readEvidence, readExecutableEvidence } from "../trust/read-evidence.ts";

export interface TrustCheckDeps {
  readonly policy: TrustPolicy;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly isClockSynced: () => Promise<boolean>;
  readonly log: Logger;
}

export interface RememberingTrustCheck extends TrustCheck, ExecutableTrustCheck {
  remembered(): TrustMemory;
}

/** Name under which the device remembers what it accepted. */
const TRUST_STATE = "trust-memory";

const RUNS_ALL_THE_SAME = {
  component: "Component is not trusted, and runs as the policy only warns",
  provider: "Provider is not trusted, and runs as the policy only warns",
} as const;

/**
 * Holds components to a policy. What was accepted is remembered over restarts.
 * @throws PetioleError ERR_STORE_FAILED when nobody can tell what was accepted before
 */
export async function openTrustCheck({
  policy,
  state,
  clock,
  isClockSynced,
  log,
}: TrustCheckDeps): Promise<RememberingTrustCheck> {
  const exclusive = createExclusive();
  let memory = await recall(state, log);

  async function accept(change: (memory: TrustMemory) => TrustMemory): Promise<void> {
    await exclusive.run(async () => {
      const next = change(memory);
      if (next === memory) return;
      memory = next;
      try {
        await state.save(TRUST_STATE, formatMemory(next));
      } catch (error) {
        // A full or broken disk stops no component: until the next save it is remembered in memory.
        log.error("What was accepted cannot be written down: after a restart an older version would not be one", {
          err: error,
        });
      }
    });
  }

  interface Asked extends Subject {
    readonly kind: keyof typeof RUNS_ALL_THE_SAME;
    readonly id: string;
    readonly file: string;
  }

  async function decide({ kind, id, file, ...subject }: Asked, evidence: Evidence): Promise<TrustDecision> {
    const judgeAt = (now: Circumstances["now"]): Verdict =>
      judge(subject, evidence, policy, { now, agent: VERSION, memory });
    const atOnce = judgeAt({ wall: clock.wall(), synced: true });
    // Who keeps the clock is asked only when it matters.
    const verdict = !atOnce.dated || (await isClockSynced()) ? atOnce : judgeAt({ wall: clock.wall(), synced: false });
    if (verdict.trusted) {
      const { signers, accepted } = verdict;
      return {
        shown: { trusted: true, signers, version: accepted.version, reason: undefined },
        confirm: () => accept((known) => remember(known, subject.name, subject.digest, accepted)),
      };
    }
    const { reason, detail, signers } = verdict;
    if (policy.mode === "enforce") {
      throw new PetioleError(
        UNTRUSTED[reason],
        `Cannot start ${kind} "${id}" from "${file}": it is not trusted (${reason}): ${detail}`,
      );
    }
    log.warn(RUNS_ALL_THE_SAME[kind], { [kind]: id, code: UNTRUSTED[reason], reason: detail });
    return { shown: { trusted: false, signers, version: undefined, reason }, confirm: async () => {} };
  }

  return {
    remembered: () => memory,

    async check({ id, file, signedName }, { bytes, digest }) {
      const subject = { name: signedName ?? id, digest, size: bytes.byteLength };
      return await decide({ ...subject, kind: "component", id, file }, await readEvidence(file, bytes, policy.keys));
    },

    async checkExecutable({ id, file, signedName, digest, size, claims }) {
      return await decide(
        { name: signedName ?? id, digest, size, kind: "provider", id, file },
        await readExecutableEvidence(file, claims, policy.keys),
      );
    },
  };
}

async function recall(state: StateStore, log: Logger): Promise<TrustMemory> {
  const text = await state.load(TRUST_STATE);
  if (text === undefined) return NOTHING_REMEMBERED;
  const memory = parseMemory(text);
  if (memory === undefined) log.error("What was accepted before cannot be read: older versions are not known for such");
  return memory ?? NOTHING_REMEMBERED;
}
