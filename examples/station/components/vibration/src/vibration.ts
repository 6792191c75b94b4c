// What is told of a window of vibration.

import { analyse, type Peak } from "./spectrum.ts";
import type { Window } from "./window.ts";

export interface Band {
  /** The frequencies that a worn bearing shakes with. */
  readonly from: number;
  readonly to: number;
  /** An amplitude above this is an alarm. */
  readonly limit: number;
}

export interface Report {
  readonly seq: number;
  /** Root mean square, rounded to thousandths. */
  readonly value: number;
  /** The strongest frequencies, the strongest first. */
  readonly peaks: readonly Peak[];
}

const PEAKS = 3;

export interface Judged {
  readonly report: Report;
  /** The strongest frequency of the band, when it is too strong. */
  readonly alarm: Peak | undefined;
}

export function judge({ seq, rate, samples }: Window, { from, to, limit }: Band): Judged {
  const { rms, peaks } = analyse(samples, rate);
  const rounded = peaks.map(({ hz, amplitude }) => ({ hz: round(hz, 10), amplitude: round(amplitude, 1000) }));
  const alarm = rounded.find(({ hz, amplitude }) => hz >= from && hz <= to && amplitude > limit);
  return { report: { seq, value: round(rms, 1000), peaks: rounded.slice(0, PEAKS) }, alarm };
}

const round = (value: number, parts: number): number => Math.round(value * parts) / parts;
