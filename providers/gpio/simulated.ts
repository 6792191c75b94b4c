import { millis, type Clock, type Millis } from "#provider";
import { GpioError, type GpioChip, type LineEvent, type LineRequest, type LineSettings } from "./backend.ts";
import { createEventBuffer, type EventBuffer } from "./event-buffer.ts";

export interface SimulatedChipOptions {
  readonly lines: number;
  readonly clock: Clock;
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
  readonly lines: number;
  /** Voltage of a line: true is high. @throws GpioError */
  voltage(line: number): boolean;
  /** Drives an input from outside; undefined lets it float. @throws GpioError */
  drive(line: number, high: boolean | undefined): void;
  /** Drives lines by a script. */
  play(steps: readonly Step[], signal?: AbortSignal): Promise<void>;
  /** Calls `listener` whenever a voltage changed. */
  onChange(listener: (line: number, high: boolean) => void): Disposable;
}

const EVENTS_PER_LINE = 16;

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
  /** Logical level: of an output as set, of an input as it passed the filter. */
  level: boolean;
  /** Ends the wait for a level to become stable. */
  settling: AbortController | undefined;
}

export function createSimulatedChip({ lines: count, clock, busy = new Map() }: SimulatedChipOptions): SimulatedChip {
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
    held.buffer.push(offset, edge, clock.nanoseconds());
    held.wake();
  };

  const noticed = (line: Line, held: Held): void => {
    if (held.settings.direction !== "input") return;
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

  const check = (consumer: string, all: readonly LineSettings[]): void => {
    for (const { offset, direction, edges } of all) {
      const holder = find(offset).held?.consumer ?? busy.get(offset);
      if (holder !== undefined) throw new GpioError("busy", `line ${offset} is used by "${holder}"`);
      if (direction === "output" && edges !== "none") {
        throw new GpioError("invalid-argument", `line ${offset} cannot report edges as an output`);
      }
    }
    if (new Set(all.map(({ offset }) => offset)).size !== all.length) {
      throw new GpioError("invalid-argument", `"${consumer}" asks for a line twice`);
    }
  };

  const chip: SimulatedChip = {
    label: "petiole-simulated",
    lines: count,
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
    request(consumer, all) {
      check(consumer, all);
      const buffer = createEventBuffer(EVENTS_PER_LINE * all.length);
      const reader = createReader(buffer);
      const held = new Map(
        all.map((settings) => {
          const line = find(settings.offset);
          const one: Held = {
            settings,
            consumer,
            buffer,
            wake: reader.wake,
            level: settings.initial,
            settling: undefined,
          };
          line.held = one;
          // What an input reads from the start is no edge.
          const before = line.high;
          line.high = voltageOf(line);
          if (settings.direction === "input") one.level = line.high !== settings.activeLow;
          if (line.high !== before) for (const listener of listeners) listener(line.offset, line.high);
          return [settings.offset, one] as const;
        }),
      );
      const of = (offset: number): Held => {
        const found = held.get(offset);
        if (found === undefined) throw new GpioError("invalid-argument", `line ${offset} is not requested`);
        return found;
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
        info: (offset) => of(offset).settings,
        async [Symbol.asyncDispose]() {
          reader.end();
          for (const [offset, one] of held) {
            const line = find(offset);
            one.settling?.abort(new Error("the line was released"));
            // Nobody drives an output's level any more, but the pin keeps it until somebody does.
            if (one.settings.direction === "output") line.outside = line.high;
            line.held = undefined;
          }
          held.clear();
        },
      };
      return request;
    },
    async [Symbol.asyncDispose]() {
      listeners.clear();
    },
  };
  return chip;
}

/** Who drives a line decides its voltage; where nobody does, the resistor; where there is none, it floats low. */
function voltageOf({ held, outside }: Line): boolean {
  const pulled = held?.settings.bias === "pull-up";
  if (held?.settings.direction !== "output") return outside ?? pulled;
  const { activeLow, drive } = held.settings;
  const high = held.level !== activeLow;
  const open = (drive === "open-drain" && high) || (drive === "open-source" && !high);
  return open ? (outside ?? pulled) : high;
}

interface Reader {
  /** Edges are in the buffer. */
  readonly wake: () => void;
  readonly listen: (listener: (events: readonly LineEvent[]) => void) => void;
  readonly end: () => void;
}

/** Reads as an event loop does: in a later turn, so that a burst within one turn meets the buffer's bound. */
function createReader(buffer: EventBuffer): Reader {
  let listener: ((events: readonly LineEvent[]) => void) | undefined;
  let scheduled = false;

  const readAll = (): void => {
    const events = buffer.read();
    scheduled = events.length > 0 && listener !== undefined;
    if (!scheduled) return;
    listener?.(events);
    readAll();
  };
  const wake = (): void => {
    if (scheduled || listener === undefined) return;
    scheduled = true;
    setImmediate(readAll);
  };
  return {
    wake,
    listen: (next) => {
      listener = next;
      wake();
    },
    end: () => {
      listener = undefined;
    },
  };
}
