import type { Clock, Logger, Metrics } from "#provider";
import { GpioError, findLine, type ChipSource, type GpioChip, type LineEvent, type LineSettings } from "./backend.ts";
import type { GpioConfig, LineConfig } from "./config.ts";
import type { EdgeDelivery } from "./edge-delivery.ts";
import { keepRequest, type KeptRequest } from "./kept-request.ts";
import { createOutputCourses, type OutputCourses } from "./output-courses.ts";
import { toPetioleError } from "./petiole-error.ts";
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
  readonly chip: string;
  readonly request: KeptRequest;
  readonly courses: OutputCourses;
  find(label: string): NamedLine | undefined;
  readonly labels: readonly string[];
}

export interface LinesDeps {
  readonly id: string;
  readonly source: ChipSource;
  readonly config: GpioConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** @throws PetioleError ERR_DEVICE_… when the chip is not there or refuses the lines */
export async function takeLines({ id, source, config, clock, log, metrics }: LinesDeps): Promise<Lines> {
  const labels = Object.keys(config.lines);
  const named = new Map<string, NamedLine>();
  const byOffset = new Map<number, NamedLine>();

  const plan = (chip: GpioChip): readonly LineSettings[] => {
    const settings = labels.map((label) => toSettings(chip, config.lines[label]));
    if (named.size > 0) {
      // Names can stand for other lines after a change of the hardware, and components know only their labels.
      if (labels.every((label, i) => named.get(label)?.offset === settings[i]?.offset)) return settings;
      throw new GpioError("not-found", "the chip that is there now has the lines' names on other lines");
    }
    for (const [i, label] of labels.entries()) {
      const [offset, line] = [settings[i]?.offset, config.lines[label]];
      if (offset === undefined || line === undefined) continue;
      const other = byOffset.get(offset);
      if (other !== undefined) {
        throw new GpioError("invalid-argument", `"${label}" and "${other.label}" are both line ${offset}`);
      }
      byOffset.set(offset, createLine(label, offset, line));
    }
    for (const line of byOffset.values()) named.set(line.label, line);
    return settings;
  };

  const edges = metrics.counter("gpio_edges_total", "Edges that were read from the chip.");
  const overruns = metrics.counter("gpio_edges_overrun_total", "Edges that the chip's buffer dropped.");
  const losses = metrics.counter("gpio_chip_lost_total", "Times that the chip went away.");
  let requestSequence = createSequence();
  const onEvents = (events: readonly LineEvent[]): void => {
    let overrun = 0;
    for (const { offset, edge, timestamp, sequence: ofRequest, lineSequence } of events) {
      overrun += requestSequence.next(ofRequest).lost;
      const line = byOffset.get(offset);
      if (line === undefined) continue;
      const { sequence, lost } = line.sequence.next(lineSequence);
      for (const delivery of line.deliveries) delivery.push({ edge, timestamp, sequence }, lost);
    }
    edges.add(events.length);
    overruns.add(overrun);
    if (overrun > 0) log.warn("GPIO edges came faster than they were read", { chip: source.what, lost: overrun });
  };
  const onLost = (): void => losses.add();
  const onRestored = (): void => {
    requestSequence = createSequence();
    for (const line of byOffset.values()) line.sequence.restart();
  };

  const eventBuffer = config.chip.backend === "sysfs" ? undefined : config.chip.event_buffer;
  const keeping = keepRequest({
    source,
    consumer: `petiole-${id}`,
    plan,
    eventBuffer,
    clock,
    log,
    onEvents,
    onLost,
    onRestored,
  });
  const request = await keeping.catch((error: unknown) => {
    throw error instanceof GpioError ? toPetioleError(error, `Cannot take lines of chip "${source.what}"`) : error;
  });

  const courses = createOutputCourses({
    clock,
    set: (offset, level) => request.set(new Map([[offset, level]])),
    onError: (offset, err) => log.error("Cannot go on with an output", { line: byOffset.get(offset)?.label, err }),
  });

  return {
    chip: request.label,
    request,
    courses,
    labels,
    find: (label) => named.get(label),
    async [Symbol.asyncDispose]() {
      await using _released = request;
      await courses[Symbol.asyncDispose]();
      const final = [...named.values()].flatMap(({ offset, config: { final: level } }) =>
        level === undefined ? [] : [[offset, level === "active"] as const],
      );
      try {
        request.set(new Map(final));
      } catch (err) {
        // A chip that is gone has no levels.
        if (!(err instanceof GpioError)) throw err;
        log.warn("Outputs cannot be left with their final levels", { chip: source.what, err });
      }
    },
  };
}

function createLine(label: string, offset: number, config: LineConfig): NamedLine {
  return { label, offset, config, sequence: createSequence(), deliveries: new Set(), writer: undefined };
}

function toSettings(chip: GpioChip, line: LineConfig | undefined): LineSettings {
  if (line === undefined) throw new GpioError("invalid-argument", "a line without configuration");
  return {
    offset: findLine(chip, line.line),
    direction: line.direction,
    activeLow: line.active_low,
    bias: line.bias,
    drive: line.drive,
    edges: line.edges,
    debounce: line.debounce,
    clock: line.clock,
    initial: line.initial === "active",
  };
}
