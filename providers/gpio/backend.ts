// What the provider needs from a GPIO chip, cut along the lines of the kernel's character device: values and edges are
// logical, lines are taken in one request, edges wait in a bounded buffer and carry a sequence number of their line.

import type { Millis } from "#provider";

export type Bias = "as-is" | "disabled" | "pull-up" | "pull-down";
export type Drive = "push-pull" | "open-drain" | "open-source";
export type Edge = "rising" | "falling";

export interface LineSettings {
  /** Number of the line on its chip. */
  readonly offset: number;
  readonly direction: "input" | "output";
  readonly activeLow: boolean;
  readonly bias: Bias;
  readonly drive: Drive;
  readonly edges: "none" | Edge | "both";
  readonly debounce: Millis;
  /** Level that an output starts with. */
  readonly initial: boolean;
}

export interface LineEvent {
  readonly offset: number;
  readonly edge: Edge;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  readonly timestamp: bigint;
  /** Counts the edges of the line from 1, dropped ones included, as an unsigned number of 32 bits that wraps. */
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
  /** What the chip made of the settings: it may ignore a bias, for example. */
  info(offset: number): LineSettings;
}

export interface GpioChip extends AsyncDisposable {
  readonly label: string;
  /** @throws GpioError */
  request(consumer: string, lines: readonly LineSettings[]): LineRequest;
}

export type GpioErrorReason = "busy" | "unsupported" | "disconnected" | "invalid-argument";

export class GpioError extends Error {
  override readonly name = "GpioError";
  readonly reason: GpioErrorReason;

  constructor(reason: GpioErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
