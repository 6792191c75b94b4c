import { PetioleError } from "../domain/errors.ts";
import { UNTRUSTED } from "../domain/trust.ts";
import { VERSION } from "../domain/version.ts";
import type { StateStore, TrustCheck } from "../host/ports.ts";
import type { Clock } from "../lib/clock.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { judge, type Circumstances, type TrustPolicy, type Verdict } from "../trust/judge.ts";
import { NOTHING_REMEMBERED, formatMemory, parseMemory, remember, type TrustMemory } from "../trust/memory.ts";
import { readEvidence } from "../trust/read-evidence.ts";

export interface TrustCheckDeps {
  readonly policy: TrustPolicy;
  readonly state: StateStore;
  readonly clock: Clock;
  readonly isClockSynced: () => Promise<boolean>;
  readonly log: Logger;
}

export interface RememberingTrustCheck extends TrustCheck {
  remembered(): TrustMemory;
}

/** Name under which the device remembers what it accepted. */
const TRUST_STATE = "trust-memory";

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

  return {
    remembered: () => memory,

    async check(component, { bytes, digest }) {
      const name = component.signedName ?? component.id;
      const evidence = await readEvidence(component.file, bytes, policy.keys);
      const subject = { name, digest, size: bytes.byteLength };
      const judgeAt = (now: Circumstances["now"]): Verdict =>
        judge(subject, evidence, policy, { now, agent: VERSION, memory });
      const atOnce = judgeAt({ wall: clock.wall(), synced: true });
      // Who keeps the clock is asked only when it matters.
      const verdict =
        !atOnce.dated || (await isClockSynced()) ? atOnce : judgeAt({ wall: clock.wall(), synced: false });
      if (verdict.trusted) {
        const { signers, accepted } = verdict;
        return {
          shown: { trusted: true, signers, version: accepted.version, reason: undefined },
          confirm: () => accept((known) => remember(known, name, digest, accepted)),
        };
      }
      const { reason, detail, signers } = verdict;
      if (policy.mode === "enforce") {
        throw new PetioleError(
          UNTRUSTED[reason],
          `Cannot start component "${component.id}" from "${component.file}": it is not trusted (${reason}): ${detail}`,
        );
      }
      log.warn("Component is not trusted, and runs as the policy only warns", {
        component: component.id,
        code: UNTRUSTED[reason],
        reason: detail,
      });
      return { shown: { trusted: false, signers, version: undefined, reason }, confirm: async () => {} };
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
