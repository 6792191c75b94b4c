import { isDeepStrictEqual } from "node:util";
import type { BucketEntry, BucketWatch } from "../adapters/lattice/desired-bucket.ts";
import { desiredStateOf } from "../config/desired-state.ts";
import { parseDocument, type ParsedDocument } from "../config/document.ts";
import type { Config, WantedAgent } from "../config/schema.ts";
import { PetioleError, isPetioleError } from "../domain/errors.ts";
import type { DesiredStatus } from "../domain/status.ts";
import type { WantedState } from "../domain/workload.ts";
import { mergeDesired } from "../host/desired-sources.ts";
import type { StateStore } from "../host/ports.ts";
import { createExclusive } from "../lib/exclusive.ts";
import type { Logger } from "../lib/log.ts";
import { checkProviders } from "./check-providers.ts";
import { EMPTY, meaningOf, parseRecord, type DocumentRecord, type StoredDocument } from "./document-record.ts";

export interface DesiredDeps {
  readonly config: Config;
  /** Path of the configuration file. */
  readonly file: string;
  /** Its folder, where relative paths start. */
  readonly folder: string;
  readonly state: StateStore;
  readonly log: Logger;
  /** Makes it run. Resolves after the first pass. */
  readonly apply: (desired: WantedState) => Promise<void>;
  /** Told what the document says about the agent itself. */
  readonly onAgent?: ((agent: WantedAgent | undefined) => void) | undefined;
  /** What the applications of the device want besides what the file and the document do, which is given. */
  readonly applications: (own: WantedState) => WantedState;
  /** What comes on top of all that the device itself wants, which is given. */
  readonly extend?: ((below: WantedState) => WantedState) | undefined;
  /** What somebody at the device has changed of all that. */
  readonly adjust?: ((wanted: WantedState) => WantedState) | undefined;
}

/** What should run: the configuration file, the hub's document for this device on top of it, the applications, `extend`. */
export interface Desired {
  current(): WantedState;
  /** The same, before `adjust`. */
  unadjusted(): WantedState;
  /** Of the file and the document. */
  own(): WantedState;
  /** Of the device itself: with its applications. */
  below(): WantedState;
  /** True when the applications mean something else by now than what is applied. */
  isStale(): boolean;
  /** Applies anew what the applications and `extend` say now. */
  refresh(): Promise<void>;
  /** Applies the file and the last valid document. */
  begin(): Promise<void>;
  /** Takes what the hub's bucket says. @throws PetioleError ERR_STORE_FAILED when it cannot be remembered */
  take(entry: BucketEntry): Promise<void>;
  status(watch: BucketWatch | undefined): DesiredStatus;
}

const STATE = "desired-document";

export function createDesired(deps: DesiredDeps): Desired {
  const { config, file, folder, state, log, apply, applications, extend, adjust } = deps;
  const base = desiredStateOf(config);
  let record: DocumentRecord = EMPTY;
  /** The document that is applied; none when the stored one does not fit the file any more. */
  let applied: { readonly revision: number; readonly workloads: ParsedDocument["config"] } | undefined;
  const applying = createExclusive();
  let own = base;
  let below = base;
  let unadjusted = base;
  let current = base;

  async function check({
    revision,
    text,
  }: Pick<StoredDocument, "revision" | "text">): Promise<ParsedDocument["config"]> {
    const source = `revision ${revision} of the desired state of "${config.device.id}"`;
    const parsed = parseDocument(text, { source, folder, base: config });
    await checkProviders(parsed, config.providers);
    return parsed.config;
  }

  async function applyDocument(document: typeof applied): Promise<void> {
    own = document === undefined ? base : mergeDesired([base, desiredStateOf(document.workloads)]);
    await refresh();
    // Shown once everything of it had its first try.
    applied = document;
    deps.onAgent?.(document?.workloads.agent);
  }

  const withApplications = (): WantedState => mergeDesired([own, applications(own)]);

  /** One after another: each resolves when what it applied had its first pass. */
  const refresh = (): Promise<void> =>
    applying.run(async () => {
      below = withApplications();
      unadjusted = extend === undefined ? below : mergeDesired([below, extend(below)]);
      current = adjust === undefined ? unadjusted : adjust(unadjusted);
      await apply(current);
    });

  async function save(next: DocumentRecord): Promise<void> {
    await state.save(STATE, JSON.stringify(next));
    record = next;
  }

  async function refuse(bucket: string, revision: number, error: PetioleError): Promise<void> {
    log.error("The hub's desired state is refused: what ran before goes on", {
      revision,
      code: error.code,
      reason: error.message,
    });
    await save({ ...record, refused: { bucket, revision, code: error.code, message: error.message } });
  }

  return {
    current: () => current,
    unadjusted: () => unadjusted,
    own: () => own,
    below: () => below,
    isStale: () => !isDeepStrictEqual(withApplications(), below),
    refresh,

    async begin() {
      const text = config.hub?.desired_state === true ? await state.load(STATE) : undefined;
      const loaded = text === undefined ? EMPTY : parseRecord(text);
      if (loaded === undefined) log.error("The stored desired state cannot be read and is left out");
      record = loaded ?? EMPTY;
      const { document } = record;
      if (document === undefined) {
        await applyDocument(undefined);
        return;
      }
      try {
        await applyDocument({ revision: document.revision, workloads: await check(document) });
      } catch (error) {
        if (!isPetioleError(error, "ERR_CONFIG_INVALID")) throw error;
        // The file was changed since. The document is kept: it may fit again.
        const { code, message } = error;
        log.error("The stored desired state does not fit the configuration file any more", { reason: message });
        record = { document, refused: { bucket: document.bucket, revision: document.revision, code, message } };
        await applyDocument(undefined);
      }
    },

    async take(entry) {
      const meaning = meaningOf(record, entry);
      switch (meaning.kind) {
        case "known":
          return;
        case "missing":
          throw new PetioleError(
            "ERR_LATTICE_BUCKET",
            `Cannot follow the desired state of "${config.device.id}": the hub's bucket is a new one and has no ` +
              "document for it; what was stored before is kept",
          );
        case "deleted":
          log.info("The hub's desired state was deleted: its items go");
          await save(EMPTY);
          await applyDocument(undefined);
          return;
        case "not-text": {
          const found = `Cannot use revision ${meaning.revision} of the desired state: it is not UTF-8 text`;
          await refuse(entry.bucket, meaning.revision, new PetioleError("ERR_CONFIG_INVALID", found));
          return;
        }
        case "document": {
          const { revision, text } = meaning;
          try {
            const workloads = await check({ revision, text });
            await save({ document: { bucket: entry.bucket, revision, text }, refused: undefined });
            log.info("The hub's desired state is applied", { revision });
            await applyDocument({ revision, workloads });
          } catch (error) {
            if (!isPetioleError(error, "ERR_CONFIG_INVALID")) throw error;
            await refuse(entry.bucket, revision, error);
          }
        }
      }
    },

    status: (watch) => ({
      file,
      document:
        applied === undefined
          ? undefined
          : {
              revision: applied.revision,
              components: Object.keys(applied.workloads.components),
              providers: Object.keys(applied.workloads.providers),
              links: applied.workloads.links.length,
            },
      refused:
        record.refused === undefined
          ? undefined
          : { revision: record.refused.revision, code: record.refused.code, message: record.refused.message },
      hub: watch === undefined ? "off" : watch.watching() ? "watching" : "connecting",
      lastError: watch?.lastError(),
    }),
  };
}
