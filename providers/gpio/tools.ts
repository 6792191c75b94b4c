// GPIO by hand, for setting up a device: what `petiole gpio` does, without an agent.

import { millis, openDeviceIo, type DeviceIo, type Millis } from "#provider";
import {
  GpioError,
  findLine,
  type Bias,
  type Drive,
  type Edge,
  type Edges,
  type GpioChip,
  type LineInfo,
  type LineRequest,
  type LineSettings,
} from "./backend.ts";
import { listChipPaths, openCdevChip } from "./cdev.ts";
import { toPetioleError } from "./petiole-error.ts";
import { createSequence } from "./sequence.ts";

export interface ChipReport {
  readonly name: string;
  readonly label: string;
  readonly lines: readonly LineInfo[];
}

export interface LineLevel {
  /** As it was asked for. */
  readonly line: string;
  readonly offset: number;
  readonly level: boolean;
}

export interface WatchedEdge {
  readonly line: string;
  readonly offset: number;
  readonly edge: Edge;
  /** Nanoseconds of the monotonic clock. */
  readonly timestamp: bigint;
  readonly sequence: bigint;
  /** Edges of the line that were dropped before this one. */
  readonly lost: number;
}

export interface InputOptions {
  readonly activeLow?: boolean | undefined;
  /** Changes what the line does; without it, a line is read as it is. */
  readonly bias?: Bias | undefined;
}

export interface OutputOptions {
  readonly activeLow?: boolean | undefined;
  readonly drive?: Drive | undefined;
}

export interface WatchEdgesOptions extends InputOptions {
  readonly edges?: Exclude<Edges, "none"> | undefined;
  readonly debounce?: Millis | undefined;
}

/** All throw PetioleError ERR_DEVICE_…. Chips are a label, gpiochip0, a number or a path; lines a number or a name. */
export interface GpioTools {
  /** All chips, or one. */
  list(chip?: string): Promise<readonly ChipReport[]>;
  get(chip: string, lines: readonly string[], options: InputOptions): Promise<readonly LineLevel[]>;
  /** Sets outputs and holds them until the signal: released lines may change. `onSet` is called once they are set. */
  hold(
    chip: string,
    levels: ReadonlyMap<string, boolean>,
    options: OutputOptions & { readonly onSet: (levels: readonly LineLevel[]) => void },
    signal: AbortSignal,
  ): Promise<void>;
  /** Calls `onEdge` for each edge until the signal. */
  watch(
    chip: string,
    lines: readonly string[],
    options: WatchEdgesOptions & { readonly onEdge: (edge: WatchedEdge) => void },
    signal: AbortSignal,
  ): Promise<void>;
}

const BY_HAND: Omit<LineSettings, "offset"> = {
  direction: "as-is",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "none",
  debounce: millis(0),
  clock: "monotonic",
  initial: false,
};

/** @throws PetioleError ERR_DEVICE_ADDON */
export function createGpioTools(io: DeviceIo = openDeviceIo()): GpioTools {
  /** Takes lines for as long as `work` runs. */
  const withLines = async (
    what: string,
    which: string,
    lines: readonly string[],
    settings: (line: string) => Omit<LineSettings, "offset">,
    work: (request: LineRequest, named: ReadonlyMap<number, string>) => Promise<void>,
  ): Promise<void> =>
    await explained(`Cannot ${what} of chip "${which}"`, async () => {
      await using chip = open(which);
      const named = new Map(lines.map((line) => [findLine(chip, numberOr(line)), line]));
      if (named.size < lines.length) throw new GpioError("invalid-argument", "a line is named twice");
      const all = [...named].map(([offset, line]) => ({ ...settings(line), offset }));
      await using request = chip.request({ consumer: "petiole-cli", lines: all, eventBuffer: 1024 });
      await work(request, named);
    });

  const open = (which: string): GpioChip => openCdevChip(io, numberOr(which));

  const report = async (which: string | number): Promise<ChipReport> => {
    await using chip = openCdevChip(io, which);
    const lines = Array.from({ length: chip.lines }, (_, offset) => chip.info(offset));
    return { name: chip.name, label: chip.label, lines };
  };

  return {
    list: async (which) =>
      await explained("Cannot list GPIO lines", async () => {
        const reports: ChipReport[] = [];
        for (const one of which === undefined ? listChipPaths(io) : [numberOr(which)]) reports.push(await report(one));
        return reports;
      }),

    async get(which, lines, { activeLow = false, bias }) {
      const settings = { ...BY_HAND, activeLow, ...(bias !== undefined && { direction: "input" as const, bias }) };
      const levels: LineLevel[] = [];
      await withLines(
        "read lines",
        which,
        lines,
        () => settings,
        async (request, named) => {
          levels.push(...levelsOf(request, named));
        },
      );
      return levels;
    },

    async hold(which, levels, { activeLow = false, drive = "push-pull", onSet }, signal) {
      const settings = (line: string): Omit<LineSettings, "offset"> => {
        return { ...BY_HAND, direction: "output", activeLow, drive, initial: levels.get(line) === true };
      };
      await withLines("set lines", which, [...levels.keys()], settings, async (request, named) => {
        onSet(levelsOf(request, named));
        await untilEnd(request, signal);
      });
    },

    async watch(which, lines, { activeLow = false, bias = "as-is", edges = "both", debounce, onEdge }, signal) {
      const settings = { ...BY_HAND, direction: "input" as const, activeLow, bias, edges };
      const debounced = { ...settings, debounce: debounce ?? settings.debounce };
      await withLines(
        "watch lines",
        which,
        lines,
        () => debounced,
        async (request, named) => {
          const sequences = new Map([...named.keys()].map((offset) => [offset, createSequence()]));
          request.onEvents((events) => {
            for (const { offset, edge, timestamp, lineSequence } of events) {
              const next = sequences.get(offset)?.next(lineSequence);
              if (next === undefined || signal.aborted) continue;
              onEdge({ line: named.get(offset) ?? "", offset, edge, timestamp, ...next });
            }
          });
          await untilEnd(request, signal);
        },
      );
    },
  };
}

const numberOr = (text: string): number | string => (/^\d{1,4}$/.test(text) ? Number(text) : text);

function levelsOf(request: LineRequest, named: ReadonlyMap<number, string>): readonly LineLevel[] {
  const offsets = [...named.keys()];
  return request.get(offsets).map((level, i): LineLevel => {
    const offset = offsets[i] ?? 0;
    return { line: named.get(offset) ?? "", offset, level };
  });
}

/** Resolves with the signal. @throws GpioError when the chip goes before */
async function untilEnd(request: LineRequest, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  request.onLost(reject);
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  await promise;
}

async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof GpioError ? toPetioleError(error, what) : error;
  }
}
