// Settings of a line as the flags of the kernel's GPIO interface, and back.

import type { Bias, Drive, Edges, LineSettings } from "./backend.ts";

export const FLAG = {
  used: 0x1n,
  activeLow: 0x2n,
  input: 0x4n,
  output: 0x8n,
  edgeRising: 0x10n,
  edgeFalling: 0x20n,
  openDrain: 0x40n,
  openSource: 0x80n,
  pullUp: 0x100n,
  pullDown: 0x200n,
  biasDisabled: 0x400n,
  clockRealtime: 0x800n,
  clockHardware: 0x1000n,
} as const;

const DIRECTION = { "as-is": 0n, input: FLAG.input, output: FLAG.output } as const;
const BIAS = { "as-is": 0n, disabled: FLAG.biasDisabled, "pull-up": FLAG.pullUp, "pull-down": FLAG.pullDown } as const;
const DRIVE = { "push-pull": 0n, "open-drain": FLAG.openDrain, "open-source": FLAG.openSource } as const;
const CLOCK = { monotonic: 0n, realtime: FLAG.clockRealtime, hardware: FLAG.clockHardware } as const;
const EDGES = {
  none: 0n,
  rising: FLAG.edgeRising,
  falling: FLAG.edgeFalling,
  both: FLAG.edgeRising | FLAG.edgeFalling,
} as const;

export function flagsOf({ direction, activeLow, bias, drive, edges, clock }: LineSettings): bigint {
  const lineClock = edges === "none" ? 0n : CLOCK[clock];
  const low = activeLow ? FLAG.activeLow : 0n;
  return DIRECTION[direction] | low | BIAS[bias] | DRIVE[drive] | EDGES[edges] | lineClock;
}

export interface FlaggedSettings {
  readonly used: boolean;
  readonly direction: "input" | "output";
  readonly activeLow: boolean;
  readonly bias: Bias;
  readonly drive: Drive;
  readonly edges: Edges;
}

export function settingsOf(flags: bigint): FlaggedSettings {
  const has = (flag: bigint): boolean => (flags & flag) !== 0n;
  const bias = has(FLAG.pullUp) ? "pull-up" : has(FLAG.pullDown) ? "pull-down" : "as-is";
  const edge = has(FLAG.edgeRising) ? "rising" : has(FLAG.edgeFalling) ? "falling" : "none";
  return {
    used: has(FLAG.used),
    direction: has(FLAG.output) ? "output" : "input",
    activeLow: has(FLAG.activeLow),
    bias: has(FLAG.biasDisabled) ? "disabled" : bias,
    drive: has(FLAG.openDrain) ? "open-drain" : has(FLAG.openSource) ? "open-source" : "push-pull",
    edges: has(FLAG.edgeRising) && has(FLAG.edgeFalling) ? "both" : edge,
  };
}
