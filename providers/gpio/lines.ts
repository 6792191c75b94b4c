import { PetioleError, type Clock, type Logger } from "#provider";
import { GpioError, type GpioChip, type LineEvent, type LineRequest, type LineSettings } from "./backend.ts";
import type { GpioConfig, LineConfig } from "./config.ts";
import type { EdgeDelivery } from "./edge-delivery.ts";
import { createPulses, type Pulses } from "./pulses.ts";
import { createSequence, type Sequence } from "./sequence.ts";

/** A line of the configuration. */
export interface NamedLine {
  readonly label: string;
  readonly offset: number;
  readonly config: LineConfig;
  readonly sequence: Sequence;
  /** Who gets its edges. */
  readonly deliveries: Set<EdgeDelivery>;
  /** Component that may write it, with the number of its links. */
  writer: { readonly component: string; links: number } | undefined;
}

/** The lines of a provider, requested once and shared by its links. */
export interface Lines extends AsyncDisposable {
  readonly request: LineRequest;
  readonly pulses: Pulses;
  find(label: string): NamedLine | undefined;
  readonly labels: readonly string[];
}

export interface LinesDeps {
  readonly id: string;
  readonly chip: GpioChip;
  readonly config: GpioConfig;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws PetioleError ERR_PROVIDER_START when the chip refuses the lines */
export function requestLines({ id, chip, config, clock, log }: LinesDeps): Lines {
  const named = new Map(Object.entries(config.lines).map(([label, line]) => [label, createLine(label, line)]));
  const byOffset = new Map([...named.values()].map((line) => [line.offset, line]));
  const request = requestAll(`petiole-${id}`, chip, config);

  request.onEvents((events: readonly LineEvent[]) => {
    for (const { offset, edge, timestamp, lineSequence } of events) {
      const line = byOffset.get(offset);
      if (line === undefined) continue;
      const { sequence, lost } = line.sequence.next(lineSequence);
      if (lost > 0) log.warn("GPIO edges came faster than they were read", { line: line.label, lost });
      for (const delivery of line.deliveries) delivery.push({ edge, timestamp, sequence }, lost);
    }
  });

  const pulses = createPulses({
    clock,
    set: (offset, level) => request.set(new Map([[offset, level]])),
    onError: (offset, err) => log.error("Cannot end a pulse", { line: byOffset.get(offset)?.label, err }),
  });

  return {
    request,
    pulses,
    labels: [...named.keys()],
    find: (label) => named.get(label),
    async [Symbol.asyncDispose]() {
      await using _released = request;
      await pulses[Symbol.asyncDispose]();
      const final = [...named.values()].flatMap(({ offset, config: { final: level } }) =>
        level === undefined ? [] : [[offset, level === "active"] as const],
      );
      if (final.length > 0) request.set(new Map(final));
    },
  };
}

function createLine(label: string, config: LineConfig): NamedLine {
  return {
    label,
    offset: config.line,
    config,
    sequence: createSequence(),
    deliveries: new Set(),
    writer: undefined,
  };
}

function requestAll(consumer: string, chip: GpioChip, config: GpioConfig): LineRequest {
  const settings = Object.values(config.lines).map((line): LineSettings => ({
    offset: line.line,
    direction: line.direction,
    activeLow: line.active_low,
    bias: line.bias,
    drive: line.drive,
    edges: line.edges,
    debounce: line.debounce,
    initial: line.initial === "active",
  }));
  try {
    return chip.request(consumer, settings);
  } catch (cause) {
    if (!(cause instanceof GpioError)) throw cause;
    throw new PetioleError("ERR_PROVIDER_START", `Cannot take lines of chip "${chip.label}": ${cause.message}`, {
      cause,
    });
  }
}
