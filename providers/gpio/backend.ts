// What the provider needs from a GPIO chip, cut along the lines of the kernel's character device: values and edges are
// logical, lines are taken in one request, edges wait in a bounded buffer and carry sequence numbers.

import type { Millis } from "#provider";

export type Bias = "as-is" | "disabled" | "pull-up" | "pull-down";
export type Drive = "push-pull" | "open-drain" | "open-source";
export type Edge = "rising" | "falling";
export type Edges = "none" | Edge | "both";
/** What edges are stamped with: CLOCK_MONOTONIC, CLOCK_REALTIME, or a timestamp engine that the chip has. */
export type EventClock = "monotonic" | "realtime" | "hardware";

export interface LineSettings {
  /** Number of the line on its chip. */
  readonly offset: number;
  /** `as-is` takes a line without changing what it does; it can be read. */
  readonly direction: "as-is" | "input" | "output";
  readonly activeLow: boolean;
  readonly bias: Bias;
  readonly drive: Drive;
  readonly edges: Edges;
  readonly debounce: Millis;
  readonly clock: EventClock;
  /** Level that an output starts with. */
  readonly initial: boolean;
}

/** A line as the chip has it now. */
export interface LineInfo {
  readonly offset: number;
  /** Empty for a line that nobody named. */
  readonly name: string;
  /** Who holds it, if anybody does: a process or a driver of the kernel. */
  readonly usedBy: string | undefined;
  readonly direction: "input" | "output";
  readonly activeLow: boolean;
  readonly bias: Bias;
  readonly drive: Drive;
  readonly edges: Edges;
  readonly debounce: Millis;
}

export interface LineEvent {
  readonly offset: number;
  readonly edge: Edge;
  /** Nanoseconds of the line's clock. */
  readonly timestamp: bigint;
  /** Counts the edges of the request from 1, dropped ones included, as an unsigned number of 32 bits that wraps. */
  readonly sequence: number;
  /** The same for the edges of the line. */
  readonly lineSequence: number;
}

/** Lines that are held; nobody else can have them until it is disposed. */
export interface LineRequest extends AsyncDisposable {
  /** Levels at one instant. @throws GpioError */
  get(offsets: readonly number[]): readonly boolean[];
  /** Sets outputs at one instant. @throws GpioError */
  set(levels: ReadonlyMap<number, boolean>): void;
  /** Calls `listener` with what has come since the last call, in the order of detection. One listener. */
  onEvents(listener: (events: readonly LineEvent[]) => void): void;
  /** Calls `listener` when the chip is gone. One listener; not every chip says so by itself, see `check`. */
  onLost(listener: (error: GpioError) => void): void;
  /** Asks whether the chip is still there. @throws GpioError */
  check(): void;
  /** What the chip made of the settings: it may ignore a bias, for example. @throws GpioError */
  info(offset: number): LineInfo;
}

export interface RequestOptions {
  /** Who shows up as the holder of the lines. */
  readonly consumer: string;
  readonly lines: readonly LineSettings[];
  /** Edges that the chip keeps until they are read; 16 for each line unless given. A wish: it may have limits. */
  readonly eventBuffer?: number | undefined;
}

export interface GpioChip extends AsyncDisposable {
  /** What it is called in /dev, such as gpiochip0. May be another after the next start. */
  readonly name: string;
  /** What its driver calls it, such as pinctrl-rp1. */
  readonly label: string;
  readonly lines: number;
  /** @throws GpioError */
  info(offset: number): LineInfo;
  /** @throws GpioError */
  request(options: RequestOptions): LineRequest;
}

/** Where a chip comes from, also when it was unplugged and comes back. Chips that it opened do not outlive it. */
export interface ChipSource extends AsyncDisposable {
  /** What errors call the chip. */
  readonly what: string;
  /** @throws GpioError */
  open(): GpioChip;
}

export type GpioErrorReason =
  | "busy"
  | "unsupported"
  | "disconnected"
  | "invalid-argument"
  | "not-found"
  | "permission"
  | "failed";

export class GpioError extends Error {
  override readonly name = "GpioError";
  readonly reason: GpioErrorReason;

  constructor(reason: GpioErrorReason, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}

/** The number of a line that is given by number or by name. @throws GpioError not-found */
export function findLine(chip: GpioChip, line: number | string): number {
  if (typeof line === "number") {
    if (line < chip.lines) return line;
    throw new GpioError("not-found", `no line ${line}, chip "${chip.label}" has ${chip.lines}`);
  }
  const found = [];
  for (let offset = 0; offset < chip.lines; offset += 1) if (chip.info(offset).name === line) found.push(offset);
  const [first, second] = found;
  if (first === undefined) throw new GpioError("not-found", `chip "${chip.label}" has no line named "${line}"`);
  if (second === undefined) return first;
  throw new GpioError("not-found", `lines ${found.join(" and ")} of chip "${chip.label}" are all named "${line}"`);
}
