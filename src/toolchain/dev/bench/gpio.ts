import { loadPlayedDevices } from "../../../../providers/index.ts";
import { isRecord, recordAt, wrong, type OpenBench } from "./bench.ts";

type Chip = Parameters<Parameters<Awaited<ReturnType<typeof loadPlayedDevices>>["createPlayedGpioProvider"]>[1]>[0];

interface PlayedPin {
  readonly label: string;
  readonly offset: number;
  readonly isOutput: boolean;
  readonly isActiveLow: boolean;
}

const LEVELS: Readonly<Record<string, boolean>> = {
  "1": true,
  on: true,
  active: true,
  "0": false,
  off: false,
  inactive: false,
};
const DEFAULT_PRESS_MS = 100;
const LONGEST_PRESS_MS = 60_000;

/** Pins on a chip in memory. Levels are as components see them: active or inactive, whatever the voltage. */
export const openGpioBench: OpenBench = async ({ wanted, emit }) => {
  const { createPlayedGpioProvider } = await loadPlayedDevices();
  const { config, pins } = simulatedPins(wanted.config);
  const byLabel = new Map(pins.map((pin) => [pin.label, pin]));
  const byOffset = new Map(pins.map((pin) => [pin.offset, pin]));
  /** What drives the inputs, for a chip that comes later. */
  const driven = new Map<number, boolean>();
  const timers = new Set<NodeJS.Timeout>();
  let chip: Chip | undefined;

  const isActive = ({ offset, isActiveLow }: PlayedPin): boolean =>
    chip !== undefined && chip.voltage(offset) !== isActiveLow;
  const level = (pin: PlayedPin): string => (isActive(pin) ? "active" : "inactive");
  const find = (label = ""): PlayedPin => {
    const pin = byLabel.get(label);
    if (pin === undefined) throw wrong(`Cannot find the line "${label}": there is ${[...byLabel.keys()].join(", ")}`);
    return pin;
  };
  const input = (label = ""): PlayedPin => {
    const pin = find(label);
    if (pin.isOutput) throw wrong(`Cannot set the line "${label}": it is an output, the component sets it`);
    return pin;
  };
  const drive = (pin: PlayedPin, active: boolean): void => {
    driven.set(pin.offset, active !== pin.isActiveLow);
    chip?.drive(pin.offset, active !== pin.isActiveLow);
  };

  const factory = createPlayedGpioProvider(pins.length, (made) => {
    chip = made;
    // What nobody has set is inactive.
    for (const pin of pins) if (!pin.isOutput) made.drive(pin.offset, driven.get(pin.offset) ?? pin.isActiveLow);
    made.onChange((offset) => {
      const pin = byOffset.get(offset);
      if (pin !== undefined) emit({ kind: "device", device: `gpio ${pin.label}`, text: level(pin) });
    });
  });

  return {
    id: wanted.id,
    kind: "gpio",
    type: "gpio",
    config,
    factory,
    names: pins.map(({ label }) => label),
    usage: ["gpio set LINE on|off", "gpio press LINE [MILLISECONDS]", "gpio get LINE"],
    describe: () => pins.map((pin) => `gpio ${pin.label}  ${pin.isOutput ? "output" : "input"}  ${level(pin)}`),
    async run([verb = "", label, value]) {
      switch (verb) {
        case "set": {
          const pin = input(label);
          const wish = LEVELS[value ?? ""];
          if (wish === undefined) throw wrong(`Cannot set "${pin.label}" to "${value ?? ""}": want on or off`);
          drive(pin, wish);
          return `${pin.label} ${level(pin)}`;
        }
        case "press": {
          const pin = input(label);
          const duration = value === undefined ? DEFAULT_PRESS_MS : Number(value);
          if (!(duration > 0 && duration <= LONGEST_PRESS_MS))
            throw wrong(`Cannot press for "${value ?? ""}": want milliseconds`);
          drive(pin, true);
          const timer = setTimeout(() => {
            timers.delete(timer);
            drive(pin, false);
          }, duration);
          timers.add(timer);
          return `${pin.label} active for ${duration} ms`;
        }
        case "get": {
          const pin = find(label);
          return `${pin.label} ${level(pin)}`;
        }
        default:
          throw wrong(`Cannot "${verb}" a line: want set, press or get`);
      }
    },
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
};

/** The same lines on a simulated chip, which has one for each. */
export function simulatedPins(raw: unknown): { readonly config: unknown; readonly pins: readonly PlayedPin[] } {
  const lines = Object.entries(recordAt(raw, "lines"));
  const pins = lines.map(([label, line], offset): PlayedPin => {
    const settings = isRecord(line) ? line : {};
    return {
      label,
      offset,
      isOutput: settings["direction"] === "output",
      isActiveLow: settings["active_low"] === true,
    };
  });
  const simulated = lines.map(([label, line], offset) => {
    // A chip in memory has no clock of its own.
    const { clock, ...rest } = isRecord(line) ? line : {};
    return [label, { ...rest, ...(clock !== undefined && clock !== "hardware" && { clock }), line: offset }];
  });
  const chip = { backend: "simulated", lines: Math.max(1, pins.length) };
  return { config: { chip, lines: Object.fromEntries(simulated) as unknown }, pins };
}
