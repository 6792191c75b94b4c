// What a device remembers of a component's versions: which one works, which one is on trial, which ones failed. Pure.

import type { BadVersion } from "../../domain/status.ts";
import type { ComponentId, Digest } from "../../domain/workload.ts";

export interface VersionRecord {
  /** What a boot starts. */
  readonly accepted: Digest | undefined;
  /** Written down before it is started. `crashes`: how often the agent ended meanwhile without a word. */
  readonly trial: { readonly digest: Digest; readonly crashes: number } | undefined;
  /** Newest last. */
  readonly bad: readonly BadVersion[];
}

export type VersionRecords = ReadonlyMap<ComponentId, VersionRecord>;

export const NOTHING_KNOWN: VersionRecord = { accepted: undefined, trial: undefined, bad: [] };

/** More failed versions of a component than these are forgotten, the oldest first. */
const MOST_BAD = 16;
const LONGEST_MESSAGE = 500;

export type Admittance =
  | { readonly kind: "try" }
  | { readonly kind: "refuse"; readonly bad: BadVersion }
  /** It was on trial as often when the agent ended without a word. */
  | { readonly kind: "give-up"; readonly crashes: number };

/** Whether a version may be tried. */
export function admit(record: VersionRecord, digest: Digest, maxCrashes: number): Admittance {
  const bad = record.bad.find((one) => one.digest === digest);
  if (bad !== undefined) return { kind: "refuse", bad };
  const crashes = record.trial?.digest === digest ? record.trial.crashes : 0;
  return crashes >= maxCrashes ? { kind: "give-up", crashes } : { kind: "try" };
}

/** Until something else is written, the agent may have died of it. */
export function trialBegun(record: VersionRecord, digest: Digest): VersionRecord {
  const before = record.trial?.digest === digest ? record.trial.crashes : 0;
  return { ...record, trial: { digest, crashes: before + 1 } };
}

/** The agent ends as it should: that says nothing about the version. */
export function trialPaused(record: VersionRecord): VersionRecord {
  const { trial } = record;
  if (trial === undefined) return record;
  return { ...record, trial: { ...trial, crashes: Math.max(0, trial.crashes - 1) } };
}

/** Something else is wanted now: nothing is known about what was on trial. */
export function trialWithdrawn(record: VersionRecord): VersionRecord {
  return record.trial === undefined ? record : { ...record, trial: undefined };
}

export function versionAccepted(record: VersionRecord, digest: Digest): VersionRecord {
  if (record.accepted === digest && record.trial === undefined && !isBad(record, digest)) return record;
  return { accepted: digest, trial: undefined, bad: record.bad.filter((one) => one.digest !== digest) };
}

export function versionFailed(record: VersionRecord, failed: BadVersion): VersionRecord {
  const bad = [
    ...record.bad.filter(({ digest }) => digest !== failed.digest),
    { ...failed, message: failed.message.slice(0, LONGEST_MESSAGE) },
  ];
  return { ...record, trial: undefined, bad: bad.slice(-MOST_BAD) };
}

/** Without a digest, every one. */
export function versionForgiven(record: VersionRecord, digest: Digest | undefined): VersionRecord {
  return { ...record, bad: record.bad.filter((one) => digest !== undefined && one.digest !== digest) };
}

export const isBad = ({ bad }: VersionRecord, digest: Digest): boolean => bad.some((one) => one.digest === digest);

export function formatRecords(records: VersionRecords): string {
  return JSON.stringify({ version: 1, components: Object.fromEntries(records) });
}

/** Undefined for what cannot be some. */
export function parseRecords(text: string): VersionRecords | undefined {
  try {
    const { version, components } = readObject(JSON.parse(text));
    if (version !== 1) return undefined;
    return new Map(Object.entries(readObject(components)).map(([id, record]) => [id, readRecord(record)]));
  } catch {
    return undefined;
  }
}

function readRecord(value: unknown): VersionRecord {
  const { accepted, trial, bad } = readObject(value);
  return {
    accepted: accepted === undefined ? undefined : readString(accepted),
    trial: trial === undefined ? undefined : readTrial(readObject(trial)),
    bad: readList(bad).map(readBad),
  };
}

function readTrial({ digest, crashes }: Readonly<Record<string, unknown>>): VersionRecord["trial"] {
  return { digest: readString(digest), crashes: readNumber(crashes) };
}

function readBad(value: unknown): BadVersion {
  const { digest, code, message, at } = readObject(value);
  return { digest: readString(digest), code: readString(code), message: readString(message), at: readNumber(at) };
}

function readObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new TypeError("not an object");
}

function readList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError("not a list");
}

function readString(value: unknown): string {
  if (typeof value === "string") return value;
  throw new TypeError("not a string");
}

function readNumber(value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw new TypeError("not a number");
}
