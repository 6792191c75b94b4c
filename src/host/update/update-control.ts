import { PetioleError } from "../../domain/errors.ts";
import type { UpdateReport } from "../../domain/status.ts";
import type { ComponentId, Digest } from "../../domain/workload.ts";
import type { Logger } from "../../lib/log.ts";
import type { KeptVersions } from "../ports.ts";
import type { ComponentSlot } from "./component-slot.ts";
import type { UpdateOutcome } from "./update-outcome.ts";
import type { UpdateJournal } from "./journal.ts";
import { versionForgiven } from "./version-record.ts";

/** What is asked about updates, and done to them, from outside. */
export interface UpdateControl {
  report(): readonly UpdateReport[];
  /** Ends a trial well, before its time. @throws PetioleError ERR_UPDATE_UNKNOWN */
  accept(component: ComponentId): Promise<void>;
  /** Ends a trial, and marks its version. @throws PetioleError ERR_UPDATE_UNKNOWN */
  rollBack(component: ComponentId): Promise<void>;
  /**
   * Takes the mark from a version, or from every one of the component, and tries again what is wanted.
   * @throws PetioleError ERR_UPDATE_UNKNOWN, ERR_STORE_FAILED
   */
  forgive(component: ComponentId, digest: Digest | undefined): Promise<void>;
  /** Components other than these have no versions worth remembering. */
  retain(components: readonly ComponentId[]): Promise<void>;
  /** A copy of the version that worked last; undefined when there is none. */
  accepted(component: ComponentId): Promise<{ readonly file: string; readonly digest: Digest } | undefined>;
  onOutcome(listener: (outcome: UpdateOutcome) => void): Disposable;
}

export interface UpdateControlDeps {
  readonly journal: UpdateJournal;
  readonly kept: KeptVersions | undefined;
  readonly log: Logger;
  /** Those that are wanted. */
  readonly components: () => readonly ComponentId[];
  readonly slot: (component: ComponentId) => ComponentSlot | undefined;
  /** Gives what failed a new chance. */
  readonly again: () => Promise<void>;
}

export interface Updates extends UpdateControl {
  tell(outcome: UpdateOutcome): void;
  /** Removes copies that nothing is written of any more. */
  clear(): Promise<void>;
}

export function createUpdates({ journal, kept, log, components, slot, again }: UpdateControlDeps): Updates {
  const listeners = new Set<(outcome: UpdateOutcome) => void>();

  function slotOf(component: ComponentId): ComponentSlot {
    const found = slot(component);
    if (found !== undefined) return found;
    throw new PetioleError("ERR_UPDATE_UNKNOWN", `Cannot decide about component "${component}": it does not run here`);
  }

  async function clear(): Promise<void> {
    const digests = [...journal.all().values()].flatMap(({ accepted, trial }) => [accepted, trial?.digest]);
    try {
      await kept?.retain(new Set(digests.filter((digest) => digest !== undefined)));
    } catch (error) {
      log.warn("Copies of versions that are not needed cannot be removed", { err: error });
    }
  }

  return {
    report: () =>
      components().map((component) => {
        const { accepted, bad } = journal.get(component);
        const found = slot(component);
        return { component, running: found?.digest, accepted, update: found?.status(), bad };
      }),
    accept: (component) => slotOf(component).accept(),
    rollBack: (component) => slotOf(component).rollBack(),
    async forgive(component, digest) {
      const { bad } = journal.get(component);
      if (!bad.some((one) => digest === undefined || one.digest === digest)) {
        const which = digest ?? "any version";
        throw new PetioleError(
          "ERR_UPDATE_UNKNOWN",
          `Cannot forgive ${which} of component "${component}": none is marked`,
        );
      }
      await journal.change(component, (record) => versionForgiven(record, digest));
      log.info("Versions of a component may be tried again", { component, digest });
      await again();
    },
    async retain(ids) {
      try {
        await journal.retain(ids);
      } catch (error) {
        log.warn("It cannot be written down that versions are not needed any more", { err: error });
      }
      await clear();
    },
    async accepted(component) {
      const digest = journal.get(component).accepted;
      const file = digest === undefined ? undefined : await kept?.find(digest);
      return digest === undefined || file === undefined ? undefined : { file, digest };
    },
    onOutcome(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    tell: (outcome) => listeners.forEach((listener) => listener(outcome)),
    clear,
  };
}
