import {
  PetioleError,
  WitError,
  millis,
  type Binding,
  type Clock,
  type LinkContext,
  type Metrics,
  type Millis,
} from "#provider";
import { GpioError } from "./backend.ts";
import type { LinkConfig } from "./config.ts";
import { createEdgeDelivery } from "./edge-delivery.ts";
import type { Lines, NamedLine } from "./lines.ts";

export const LINES = "petiole:gpio/lines";

type Level = "inactive" | "active";

const NANOS_PER_MILLI = 1_000_000;
const LONGEST_PULSE = 24n * 3600n * 1_000_000_000n;
/** What a timer can do. */
const SHORTEST_STEP = 1_000_000n;
const MAX_STEPS = 256;

interface Step {
  readonly level: Level;
  readonly duration: bigint;
}

interface Grant {
  readonly line: NamedLine;
  readonly write: boolean;
}

export interface BindGpioDeps {
  readonly link: LinkContext<LinkConfig>;
  readonly lines: Lines;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/**
 * Serves one link.
 * @throws PetioleError ERR_LINK_INVALID when the link asks for what the lines cannot give
 */
export function bindGpio(deps: BindGpioDeps): Binding {
  const { link, lines } = deps;
  const grants = new Map<string, Grant>();
  for (const [label, permission] of Object.entries(link.config.lines)) {
    const line = lines.find(label);
    if (line === undefined) throw invalid(link, label, `found ${lines.labels.join(", ")}`);
    const write = permission === "write";
    if (write && line.config.direction === "input") throw invalid(link, label, "it is an input and cannot be written");
    if (write && line.writer !== undefined && line.writer.component !== link.component) {
      throw invalid(link, label, `"${line.writer.component}" writes it, an output belongs to one component`);
    }
    if (link.direction === "exports" && line.config.edges === "none") {
      throw invalid(link, label, 'it reports no edges, want "edges: both" at the line');
    }
    grants.set(label, { line, write });
  }
  return link.direction === "exports" ? deliverEdges(deps, grants) : serveLines(lines, grants, link);
}

function invalid({ component }: LinkContext<LinkConfig>, label: string, reason: string): PetioleError {
  return new PetioleError("ERR_LINK_INVALID", `Cannot link "${component}" to GPIO line "${label}": ${reason}`);
}

function deliverEdges({ link, lines, clock, metrics }: BindGpioDeps, grants: ReadonlyMap<string, Grant>): Binding {
  const dropped = metrics.counter("gpio_edges_dropped_total", "Edges that a component's queue dropped.");
  const stack = new AsyncDisposableStack();
  for (const [label, { line }] of grants) {
    const level = (): boolean | undefined => {
      try {
        return lines.request.get([line.offset])[0];
      } catch (error) {
        if (error instanceof GpioError) return undefined;
        throw error;
      }
    };
    const delivery = stack.use(createEdgeDelivery({ label, link, clock, level, dropped }));
    line.deliveries.add(delivery);
    stack.defer(() => void line.deliveries.delete(delivery));
  }
  return { functions: {}, [Symbol.asyncDispose]: async () => await stack.disposeAsync() };
}

function serveLines(lines: Lines, grants: ReadonlyMap<string, Grant>, { component }: LinkContext<LinkConfig>): Binding {
  const written = [...grants.values()].filter(({ write }) => write).map(({ line }) => line);
  for (const line of written) line.writer = { component, links: (line.writer?.links ?? 0) + 1 };

  const granted = (label: string): NamedLine => {
    const grant = grants.get(label);
    if (grant === undefined) throw new WitError({ tag: "not-granted" });
    return grant.line;
  };
  const writable = (label: string): number => {
    const line = granted(label);
    if (grants.get(label)?.write !== true) throw new WitError({ tag: "not-permitted" });
    return line.offset;
  };
  const set = (levels: ReadonlyMap<number, boolean>): void => {
    guarded(() => lines.request.set(levels));
    // The component has decided: an earlier pulse or sequence does not undo it later.
    for (const offset of levels.keys()) lines.courses.cancel(offset);
  };
  const get = (labels: readonly string[]): readonly Level[] => {
    const offsets = labels.map((label) => granted(label).offset);
    return guarded(() => lines.request.get(offsets)).map((level) => (level ? "active" : "inactive"));
  };

  return {
    functions: {
      [LINES]: {
        "list-lines": () => [...grants.values()].map(({ line }) => describe(lines, line)),
        get: (label: string) => get([label])[0],
        "get-many": (labels: readonly string[]) => get(labels),
        set: (label: string, level: Level) => set(new Map([[writable(label), level === "active"]])),
        "set-many": (levels: readonly (readonly [string, Level])[]) =>
          set(new Map(levels.map(([label, level]) => [writable(label), level === "active"]))),
        pulse: (label: string, duration: bigint) => {
          const offset = writable(label);
          if (duration === 0n || duration > LONGEST_PULSE) throw new WitError({ tag: "invalid-argument" });
          const steps = [{ level: true, duration: toMillis(duration) }];
          guarded(() => lines.courses.start(offset, { steps, repeats: 1, end: false }));
        },
        "play-sequence": (label: string, steps: readonly Step[], repeats: number) => {
          const offset = writable(label);
          const fits = ({ duration }: Step): boolean => duration >= SHORTEST_STEP && duration <= LONGEST_PULSE;
          if (steps.length === 0 || steps.length > MAX_STEPS || !steps.every(fits)) {
            throw new WitError({ tag: "invalid-argument" });
          }
          const own = steps.map(({ level, duration }) => ({ level: level === "active", duration: toMillis(duration) }));
          guarded(() => lines.courses.start(offset, { steps: own, repeats }));
        },
      },
    },
    async [Symbol.asyncDispose]() {
      for (const line of written) {
        if (line.writer === undefined) continue;
        line.writer.links -= 1;
        if (line.writer.links > 0) continue;
        line.writer = undefined;
        lines.courses.endEndless(line.offset);
      }
    },
  };
}

const toMillis = (nanos: bigint): Millis => millis(Number(nanos) / NANOS_PER_MILLI);

/** The record `line-info`, with what the chip made of the settings. */
function describe(lines: Lines, { label, offset, config }: NamedLine): Readonly<Record<string, unknown>> {
  const info = lines.request.info(offset);
  const { direction, bias, drive, edges, debounce } = info ?? config;
  return {
    label,
    direction,
    activeLow: info?.activeLow ?? config.active_low,
    bias,
    drive,
    debouncePeriod: BigInt(Math.round(debounce * NANOS_PER_MILLI)),
    reportsEdges: edges !== "none",
  };
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof GpioError ? new WitError(toErrorCode(error)) : error;
  }
}

/** The variant `error-code`. Texts of the system do not go into components. */
function toErrorCode({ reason }: GpioError): Readonly<Record<string, string>> {
  if (reason === "not-found") return { tag: "disconnected" };
  if (reason === "permission" || reason === "failed") return { tag: "other", val: "the chip refuses it" };
  return { tag: reason };
}
