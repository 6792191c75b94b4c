// Stands for vitest where there is nothing but Node: as much of it as the conformance suites of devices use.

import assert from "node:assert/strict";
import { describe, test as nodeTest } from "node:test";
import { isDeepStrictEqual } from "node:util";

const TIMEOUT_MS = 300_000;

interface Matchers {
  toBe(wanted: unknown): void;
  toEqual(wanted: unknown): void;
  toMatchObject(wanted: unknown): void;
  toMatch(wanted: RegExp): void;
  toHaveLength(wanted: number): void;
  toBeGreaterThanOrEqual(wanted: number | bigint): void;
  toBeLessThanOrEqual(wanted: number | bigint): void;
}

function fits(actual: unknown, wanted: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null) return Object.is(actual, wanted);
  if (typeof actual !== "object" || actual === null) return false;
  if (Array.isArray(wanted) && (!Array.isArray(actual) || actual.length !== wanted.length)) return false;
  return Object.entries(wanted).every(([key, value]) => fits((actual as Record<string, unknown>)[key], value));
}

function matchersOf(actual: unknown): Matchers {
  const check = (ok: boolean, what: string, wanted: unknown): void => {
    if (!ok) assert.fail(`found ${show(actual)}, want it ${what} ${show(wanted)}`);
  };
  const compared = actual as number;
  return {
    toBe: (wanted) => check(Object.is(actual, wanted), "to be", wanted),
    toEqual: (wanted) => check(isDeepStrictEqual(actual, wanted), "to equal", wanted),
    toMatchObject: (wanted) => check(fits(actual, wanted), "to contain", wanted),
    toMatch: (wanted) => check(typeof actual === "string" && wanted.test(actual), "to match", wanted),
    toHaveLength: (wanted) => check((actual as unknown[]).length === wanted, "to have the length", wanted),
    toBeGreaterThanOrEqual: (wanted) => check(compared >= wanted, "to be at least", wanted),
    toBeLessThanOrEqual: (wanted) => check(compared <= wanted, "to be at most", wanted),
  };
}

const show = (value: unknown): string =>
  value instanceof RegExp
    ? String(value)
    : JSON.stringify(value, (_key, one: unknown) => (typeof one === "bigint" ? `${one}n` : one));

/** What rejects with a value that fits, for `expect(promise).rejects`. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`found ${show(value)}, want it to be rejected`);
}

const expect = (actual: unknown) => ({
  ...matchersOf(actual),
  rejects: {
    toMatchObject: async (wanted: unknown) =>
      matchersOf(await reasonOf(actual as Promise<unknown>)).toMatchObject(wanted),
  },
});

interface Context {
  readonly expect: typeof expect;
}

const test = (title: string, work: (context: Context) => Promise<void>): void =>
  void nodeTest(title, { timeout: TIMEOUT_MS }, async () => await work({ expect }));

export { describe, test };
