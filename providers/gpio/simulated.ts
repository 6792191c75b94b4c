import { millis, type Clock, type Millis } from "#provider";
import {
  GpioError,
  type ChipSource,
  type GpioChip,
  type LineInfo,
  type LineRequest,
  type LineSettings,
} from "./backend.ts";
import { createEventBuffer, type EventBuffer } from "./event-buffer.ts";
import { createEventReader } from "./event-reader.ts";

export interface SimulatedChipOptions {
  readonly lines: number;
  readonly clock: Clock;
  readonly label?: string;
  /** Lines that somebody else holds, with the name of who does. */
  readonly busy?: ReadonlyMap<number, string>;
}

/** One step of a script: after a time, a voltage on a line. */
export interface Step {
  readonly after: Millis;
  readonly line: number;
  readonly high: boolean;
}

/**
 * A GPIO chip in memory that keeps to the kernel's rules: edges of the logical level, a debounce filter that an edge
 * passes when the level has been stable, 16 edges of buffer for each line of a request of which the oldest go first.
 * Seen from outside it has voltages, which bias and open drivers decide where nobody drives.
 */
export interface SimulatedChip extends GpioChip {
  /** Voltage of a line: true is high. @throws GpioError */
  voltage(line: number): boolean;
  /** Drives an input from outside; undefined lets it float. @throws GpioError */
  drive(line: number, high: boolean | undefined): void;
  /** Drives lines by a script. */
  play(steps: readonly Step[], signal?: AbortSignal): Promise<void>;
  /** Calls `listener` whenever a voltage changed. */
  onChange(listener: (line: number, high: boolean) => void): Disposable;
  /** Takes the chip away from those who hold its lines, or brings it back. */
  plug(plugged: boolean): void;
}

const EVENTS_PER_LINE = 16;
const MAX_EVENT_BUFFER = 1024;

interface Line {
  readonly offset: number;
  /** What drives it from outside. */
  outside: boolean | undefined;
  high: boolean;
  held: Held | undefined;
}

/** A line that a request holds. */
interface Held {
  readonly settings: LineSettings;
  readonly consumer: string;
  readonly buffer: EventBuffer;
  readonly wake: () => void;
  /** The chip is gone. */
  readonly lose: () => void;
  /** Logical level: of an output as set, of an input as it passed the filter. */
  level: boolean;
  /** Ends the wait for a level to become stable. */
  settling: AbortController | undefined;
}

export function createSimulatedChip(options: SimulatedChipOptions): SimulatedChip {
  const { lines: count, clock, label = "petiole-simulated", busy = new Map<number, string>() } = options;
  let plugged = true;
  const lines = Array.from({ length: count }, (_, offset): Line => ({
    offset,
    outside: undefined,
    high: false,
    held: undefined,
  }));
  const listeners = new Set<(line: number, high: boolean) => void>();

  const find = (offset: number): Line => {
    const line = lines[offset];
    if (line === undefined) throw new GpioError("invalid-argument", `no line ${offset}, the chip has ${count}`);
    return line;
  };

  /** A change of an input's logical level that has passed the filter. */
  const accept = (offset: number, held: Held, level: boolean): void => {
    if (held.level === level) return;
    held.level = level;
    const edge = level ? "rising" : "falling";
    if (held.settings.edges !== "both" && held.settings.edges !== edge) return;
    const realtime = held.settings.clock === "realtime";
    held.buffer.push(offset, edge, realtime ? BigInt(Math.round(clock.wall() * 1e6)) : clock.nanoseconds());
    held.wake();
  };

  const noticed = (line: Line, held: Held): void => {
    if (held.settings.direction === "output") return;
    const level = line.high !== held.settings.activeLow;
    held.settling?.abort(new Error("the level changed again"));
    held.settling = undefined;
    if (held.settings.debounce === 0) return accept(line.offset, held, level);
    if (level === held.level) return;
    const settling = new AbortController();
    held.settling = settling;
    clock.sleep(held.settings.debounce, settling.signal).then(
      () => accept(line.offset, held, level),
      // Not stable for long enough, or the line was released.
      () => {},
    );
  };

  /** Works out the voltage after something changed. */
  const update = (line: Line): void => {
    const high = voltageOf(line);
    if (high === line.high) return;
    line.high = high;
    if (line.held !== undefined) noticed(line, line.held);
    for (const listener of listeners) listener(line.offset, high);
  };

  const present = (): void => {
    if (!plugged) throw new GpioError("disconnected", `chip "${label}" is gone`);
  };

  const checkSettings = (consumer: string, all: readonly LineSettings[]): void => {
    for (const { offset, direction, edges, clock: lineClock } of all) {
      const holder = find(offset).held?.consumer ?? busy.get(offset);
      if (holder !== undefined) throw new GpioError("busy", `line ${offset} is used by "${holder}"`);
      if (direction !== "input" && edges !== "none") {
        throw new GpioError("invalid-argument", `line ${offset} reports edges as an input only`);
      }
      if (lineClock === "hardware") throw new GpioError("unsupported", `line ${offset} has no clock of its own`);
    }
    if (new Set(all.map(({ offset }) => offset)).size !== all.length) {
      throw new GpioError("invalid-argument", `"${consumer}" asks for a line twice`);
    }
  };

  const info = (offset: number): LineInfo => {
    present();
    const { held } = find(offset);
    const { direction, ...settings } = held?.settings ?? UNUSED;
    return {
      ...settings,
      offset,
      name: `GPIO${offset}`,
      usedBy: held?.consumer ?? busy.get(offset),
      direction: direction === "output" ? "output" : "input",
    };
  };

  const chip: SimulatedChip = {
    name: "simulated",
    label,
    lines: count,
    info,
    voltage: (offset) => find(offset).high,
    drive(offset, high) {
      const line = find(offset);
      if (line.held?.settings.direction === "output") {
        throw new GpioError("invalid-argument", `line ${offset} is an output`);
      }
      line.outside = high;
      update(line);
    },
    async play(steps, signal) {
      for (const { after, line, high } of steps) {
        if (after > 0) await clock.sleep(millis(after), signal);
        chip.drive(line, high);
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    plug(next) {
      plugged = next;
      if (!next) for (const { held } of lines) held?.lose();
    },
    request({ consumer, lines: all, eventBuffer }) {
      present();
      checkSettings(consumer, all);
      const room = eventBuffer === undefined || eventBuffer === 0 ? EVENTS_PER_LINE * all.length : eventBuffer;
      const buffer = createEventBuffer(Math.min(room, MAX_EVENT_BUFFER));
      const reader = createEventReader(buffer);
      let onLost: ((error: GpioError) => void) | undefined;
      let lost = false;
      const lose = (): void => {
        if (lost) return;
        lost = true;
        release();
        onLost?.(new GpioError("disconnected", `chip "${label}" is gone`));
      };
      const held = new Map(
        all.map((settings) => {
          const line = find(settings.offset);
          const one: Held = {
            settings,
            consumer,
            buffer,
            wake: reader.wake,
            lose,
            level: settings.initial,
            settling: undefined,
          };
          line.held = one;
          // What an input reads from the start is no edge.
          const before = line.high;
          line.high = voltageOf(line);
          if (settings.direction !== "output") one.level = line.high !== settings.activeLow;
          if (line.high !== before) for (const listener of listeners) listener(line.offset, line.high);
          return [settings.offset, one] as const;
        }),
      );
      const of = (offset: number): Held => {
        if (lost) throw new GpioError("disconnected", `chip "${label}" is gone`);
        const found = held.get(offset);
        if (found === undefined) throw new GpioError("invalid-argument", `line ${offset} is not requested`);
        return found;
      };
      const release = (): void => {
        reader.end();
        for (const [offset, one] of held) {
          const line = find(offset);
          one.settling?.abort(new Error("the line was released"));
          // Nobody drives an output's level any more, but the pin keeps it until somebody does.
          if (one.settings.direction === "output") line.outside = line.high;
          line.held = undefined;
        }
        held.clear();
      };
      const request: LineRequest = {
        get: (offsets) => offsets.map((offset) => of(offset).level),
        set(levels) {
          for (const offset of levels.keys()) {
            if (of(offset).settings.direction !== "output") {
              throw new GpioError("invalid-argument", `line ${offset} is an input`);
            }
          }
          for (const [offset, level] of levels) of(offset).level = level;
          for (const offset of levels.keys()) update(find(offset));
        },
        onEvents: reader.listen,
        onLost: (listener) => {
          onLost = listener;
        },
        check: () => {
          if (lost) present();
          if (lost) throw new GpioError("disconnected", `chip "${label}" is another one`);
        },
        info,
        [Symbol.asyncDispose]: async () => release(),
      };
      return request;
    },
    async [Symbol.asyncDispose]() {
      listeners.clear();
    },
  };
  return chip;
}

/** The chip lives as long as the source, however often it is opened. */
export function createSimulatedSource(chip: SimulatedChip): ChipSource {
  return {
    what: chip.label,
    open: () => ({ ...chip, [Symbol.asyncDispose]: async () => {} }),
    [Symbol.asyncDispose]: async () => await chip[Symbol.asyncDispose](),
  };
}

const UNUSED = {
  direction: "input",
  activeLow: false,
  bias: "as-is",
  drive: "push-pull",
  edges: "none",
  debounce: millis(0),
} as const;

/** Who drives a line decides its voltage; where nobody does, the resistor; where there is none, it floats low. */
function voltageOf({ held, outside }: Line): boolean {
  const pulled = held?.settings.bias === "pull-up";
  if (held?.settings.direction !== "output") return outside ?? pulled;
  const { activeLow, drive } = held.settings;
  const high = held.level !== activeLow;
  const open = (drive === "open-drain" && high) || (drive === "open-source" && !high);
  return open ? (outside ?? pulled) : high;
}
