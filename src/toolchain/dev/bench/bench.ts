import { PetioleError } from "../../../domain/errors.ts";
import type { ProviderFactory } from "../../../provider/contract.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Emit } from "../events.ts";

/** A provider as the manifest has it, before anything is simulated. */
export interface WantedProvider {
  readonly id: string;
  readonly type: string;
  readonly config: unknown;
  /** Configurations of its links. */
  readonly links: readonly unknown[];
}

export interface BenchDeps {
  readonly wanted: WantedProvider;
  readonly emit: Emit;
  readonly clock: Clock;
  /** For files, removed at the end. */
  readonly folder: string;
}

/** The simulated outside of one provider: what it is played with. */
export interface Bench extends AsyncDisposable {
  readonly id: string;
  /** First word of its commands. */
  readonly kind: string;
  /** What takes the place of the provider in the agent. */
  readonly type: string;
  readonly config: unknown;
  /** Of a link of the provider; as it is unless given. */
  readonly linkConfig?: (config: unknown) => unknown;
  /** Instead of that of the type. */
  readonly factory?: ProviderFactory | undefined;
  /** One line for each command. */
  readonly usage: readonly string[];
  /** One line for each thing that can be played, with its value. */
  describe(): readonly string[];
  /** The names that its commands take: with several benches of a kind, the one that has it is meant. */
  readonly names: readonly string[];
  /**
   * Carries out a command, without its first word. `rest` is the text after the second word as it was written.
   * @throws PetioleError ERR_DEV_COMMAND
   */
  run(words: readonly string[], line: string): Promise<string>;
}

export type OpenBench = (deps: BenchDeps) => Promise<Bench>;

/** A name of the manifest as that of a file: it must not lead elsewhere. */
export const fileNameOf = (id: string): string => encodeURIComponent(id);

export const wrong = (message: string): PetioleError => new PetioleError("ERR_DEV_COMMAND", message);

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value at a key that holds a record; an empty one otherwise. */
export function recordAt(value: unknown, key: string): Readonly<Record<string, unknown>> {
  const inner = isRecord(value) ? value[key] : undefined;
  return isRecord(inner) ? inner : {};
}

/** @throws PetioleError ERR_DEV_COMMAND */
export function parseNumber(text: string | undefined, what: string): number {
  const number = text === undefined || text === "" ? Number.NaN : Number(text);
  if (Number.isFinite(number)) return number;
  throw wrong(`Cannot take "${text ?? ""}" as ${what}: want a number`);
}

/** What follows the first `count` words of a line, as it was written. */
export function textAfter(line: string, count: number): string {
  const pattern = new RegExp(`^\\s*(?:\\S+\\s+){${count}}`);
  return pattern.test(line) ? line.replace(pattern, "") : "";
}
