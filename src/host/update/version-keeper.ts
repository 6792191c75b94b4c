import { PetioleError } from "../../domain/errors.ts";
import type { ComponentId, Digest, UpdatePolicy } from "../../domain/workload.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";
import type { KeptVersions } from "../ports.ts";
import type { UpdateJournal } from "./journal.ts";
import type { ReadyVersion } from "./start-version.ts";
import { policyOf } from "./update-policy.ts";
import {
  admit,
  isBad,
  trialBegun,
  trialPaused,
  versionAccepted,
  versionFailed,
  type VersionRecord,
} from "./version-record.ts";

export interface VersionKeeperDeps {
  readonly journal: UpdateJournal;
  readonly kept: KeptVersions | undefined;
  /** What is kept of versions may have become less. */
  readonly onSettled: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is written down of one component's versions, and the copies of them. */
export interface VersionKeeper {
  isBad(digest: Digest): boolean;
  /**
   * Before a version is started. Written down before it is kept: what nothing is written of is not kept.
   * @throws PetioleError ERR_UPDATE_BAD, ERR_UPDATE_FAILED when it may not be tried; ERR_STORE_FAILED when its trial
   *   cannot be written down
   */
  begin(next: ReadyVersion, before: ReadyVersion, policy: UpdatePolicy): Promise<void>;
  /** The version works: it is what a boot goes back to. */
  remember(version: ReadyVersion): Promise<void>;
  /** The version failed. Resolves with the error that says so. */
  mark(digest: Digest, why: string): Promise<PetioleError>;
  /** A broken disk stops no component: until the agent ends, what was decided is known in memory. */
  note(next: (record: VersionRecord) => VersionRecord): Promise<void>;
}

export function createVersionKeeper(id: ComponentId, deps: VersionKeeperDeps): VersionKeeper {
  const { journal, kept, onSettled, clock, log } = deps;

  async function note(next: (record: VersionRecord) => VersionRecord): Promise<void> {
    try {
      await journal.change(id, next);
    } catch (error) {
      log.error("What became of a component's version cannot be written down", { component: id, err: error });
    }
  }

  async function keep({ spec, prepared }: ReadyVersion): Promise<void> {
    try {
      await kept?.keep(spec.file, prepared.digest);
    } catch (error) {
      log.warn("No copy of a component's version can be kept: a restart cannot go back to it", {
        component: id,
        digest: prepared.digest,
        reason: reasonOf(error),
      });
    }
  }

  async function mark(digest: Digest, why: string): Promise<PetioleError> {
    const code = "ERR_UPDATE_FAILED";
    await note((record) => versionFailed(record, { digest, code, message: why, at: clock.wall() }));
    await onSettled();
    return new PetioleError(code, `Cannot update component "${id}" to ${digest}: ${why}`);
  }

  return {
    isBad: (digest) => isBad(journal.get(id), digest),
    note,
    mark,

    async begin(next, before, policy) {
      const { digest } = next.prepared;
      const admitted = admit(journal.get(id), digest, policy.maxCrashes);
      if (admitted.kind === "refuse") {
        const text = `Cannot update component "${id}" to ${digest}: it failed here before: ${admitted.bad.message}`;
        throw new PetioleError("ERR_UPDATE_BAD", text);
      }
      if (admitted.kind === "give-up") {
        throw await mark(digest, `the agent ended without a word ${admitted.crashes} times while it was on trial`);
      }
      try {
        await journal.change(id, (record) => trialBegun(record, digest));
      } catch (error) {
        // It was not started: that says nothing about the version.
        await note(trialPaused);
        throw error;
      }
      if (policy.trial === 0) return;
      await keep(before);
      await keep(next);
    },

    async remember(version) {
      if (policyOf(version.spec).trial === 0) return;
      await note((record) => versionAccepted(record, version.prepared.digest));
      await keep(version);
      await onSettled();
    },
  };
}
