import type { ClockStatus, ClockTrust } from "../../domain/clock.ts";
import { millis, minutes, seconds, type Millis } from "../../domain/units.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import {
  hasJumped,
  hubAhead,
  initialClock,
  LOOK_INTERVAL,
  lookAtClock,
  TOLERANCE,
  type ClockModel,
  type ClockReading,
  type HubTime,
  type LocalWitnesses,
  type Verdict,
} from "./verdict.ts";

/** Where it is kept what time it was. */
export interface ClockMemory {
  load(): Promise<string | undefined>;
  save(text: string): Promise<void>;
}

export interface ClockSyncOptions {
  readonly policy: "auto" | "trusted";
  /** Unix time of the release. */
  readonly released: number;
  /** Identity of this boot. */
  readonly bootId: string;
  /** What the device itself knows. */
  readonly witnesses: () => Promise<LocalWitnesses>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Tells whether the wall clock can be trusted. Disposing it writes down what time it is. */
export interface ClockSync extends AsyncDisposable {
  /** Cheap enough for every message. */
  trust(): ClockTrust;
  status(): ClockStatus;
  /** Reads what an earlier process of the agent knew, and keeps it from now on. Nothing is trusted before. */
  remember(memory: ClockMemory): Promise<void>;
  /** The hub told its time. */
  hear(hub: HubTime): void;
  /** Calls `listener` when the clock became trusted, or is not any more. */
  onChange(listener: (trust: ClockTrust) => void): Disposable;
}

/** Each writing wears the card; what is lost with the power is an hour at most. */
const SAVE_INTERVAL = minutes(60);
/** How often the witnesses are asked while the clock is trusted. */
const ASK_INTERVAL = seconds(60);

const TRUSTED: Verdict = { trust: "synced", by: "configuration", reason: undefined };
const NOT_YET: Verdict = { trust: "unsynced", by: undefined, reason: "the agent is starting" };

const BY = ["hub", "timesyncd", "chrony", "rtc"] as const;

interface ClockRecord {
  /** Unix time, when it was right. */
  readonly wall: number;
  readonly boot: string;
  /** Of the wall clock from the time since that boot. */
  readonly distance: number;
  readonly by: (typeof BY)[number];
}

export function createClockSync(options: ClockSyncOptions): ClockSync {
  const { policy, clock, log, bootId } = options;
  const read = (): ClockReading => ({ wall: clock.wall(), boottime: clock.boottime() });
  const listeners = new Set<(trust: ClockTrust) => void>();
  const stop = new AbortController();
  let model: ClockModel = initialClock(options, read());
  let verdict: Verdict = policy === "trusted" ? TRUSTED : NOT_YET;
  let memory: ClockMemory | undefined;
  let savedAt: Millis | undefined;
  let savedDistance = Number.NaN;
  let saving: Promise<void> = Promise.resolve();
  let asked: Millis | undefined;
  let running: Promise<void> = Promise.resolve();
  let hasLooked = false;

  function look(reading: ClockReading = read()): void {
    if (memory === undefined) return;
    const before = verdict;
    [model, verdict] = lookAtClock(model, reading);
    if (verdict.trust === "synced" && isToBeSaved()) save();
    const said = hasLooked && before.trust === verdict.trust && before.by === verdict.by;
    hasLooked = true;
    if (said) return;
    const fields = { wall: new Date(reading.wall).toISOString(), by: verdict.by };
    if (verdict.trust === "synced") log.info("The clock is synced", fields);
    else log.warn("The clock cannot be trusted", { ...fields, reason: verdict.reason });
    if (before.trust === verdict.trust) return;
    for (const listener of listeners) listener(verdict.trust);
  }

  function isToBeSaved(): boolean {
    // A person's word is no evidence: whoever takes it back wants none of what followed from it.
    if (verdict.by === "configuration") return false;
    if (savedAt === undefined || Math.abs(model.distance - savedDistance) > TOLERANCE) return true;
    return clock.monotonic() - savedAt >= SAVE_INTERVAL;
  }

  function save(): void {
    const { wall } = read();
    const { distance } = model;
    savedAt = clock.monotonic();
    savedDistance = distance;
    const text = JSON.stringify({
      wall: Math.floor(wall),
      boot: bootId,
      distance: Math.round(distance),
      by: verdict.by,
    });
    saving = saving
      .then(() => memory?.save(text))
      .catch((error: unknown) => log.debug("Cannot write down what time it is", { err: error }));
  }

  async function load(kept: ClockMemory): Promise<string | undefined> {
    try {
      return await kept.load();
    } catch (error) {
      // Without it the clock is confirmed anew.
      log.warn("Cannot read what time it was", { err: error });
      return undefined;
    }
  }

  async function ask(): Promise<void> {
    asked = clock.monotonic();
    const local = await options.witnesses();
    // Whoever set the clock did so before saying so: a jump is seen before the witness of it is heard.
    look();
    model = { ...model, local };
    look();
  }

  async function keepLooking(): Promise<void> {
    while (!stop.signal.aborted) {
      const isDue = asked === undefined || clock.monotonic() - asked >= ASK_INTERVAL;
      if (isDue || verdict.trust !== "synced") await ask();
      else look();
      await clock.sleep(LOOK_INTERVAL, stop.signal).catch(() => {});
    }
  }

  return {
    trust: () => {
      const reading = read();
      if (hasJumped(model, reading)) look(reading);
      return verdict.trust;
    },
    status: () => {
      look();
      const reading = read();
      const { trust: state, by, reason } = verdict;
      return { state, wall: millis(Math.floor(reading.wall)), by, reason, hubOffset: hubAhead(model, reading) };
    },
    remember: async (kept) => {
      const known = parseRecord(await load(kept));
      memory = kept;
      if (known !== undefined) {
        const isSame = known.boot === bootId && Math.abs(known.distance - model.distance) <= TOLERANCE;
        // Another process of the same boot found the clock right, and nobody has set it since.
        model = { ...model, remembered: known.wall, confirmed: isSame ? known.by : undefined };
        if (isSame) [savedAt, savedDistance] = [clock.monotonic(), known.distance];
      }
      if (policy === "trusted") return look();
      await ask();
      running = keepLooking();
    },
    hear: (hub) => {
      model = { ...model, hub };
      look();
    },
    onChange: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the agent is stopping"));
      await running;
      look();
      if (verdict.trust === "synced" && verdict.by !== "configuration") save();
      await saving;
    },
  };
}

/** Undefined for what no version wrote: then nothing is known. Checked by hand: every start reads it. */
function parseRecord(text: string | undefined): ClockRecord | undefined {
  if (text === undefined) return undefined;
  try {
    const found = JSON.parse(text) as Partial<Record<keyof ClockRecord, unknown>> | null;
    const { wall, boot, distance, by } = found ?? {};
    const isWitness = BY.some((one) => one === by);
    if (!Number.isFinite(wall) || typeof boot !== "string" || !Number.isFinite(distance) || !isWitness)
      return undefined;
    return { wall, boot, distance, by } as ClockRecord; // As just checked.
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
