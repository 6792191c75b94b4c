// Events as people read them: a line each, with colours where the terminal has some.

import type { DevEvent, TracedCall } from "./events.ts";
import { formatFault, stripColours, type Fault } from "./fault.ts";

const CODES = {
  dim: "2",
  red: "31",
  green: "32",
  yellow: "33",
  blue: "34",
  magenta: "35",
  cyan: "36",
  bold: "1",
} as const;
type Paint = { readonly [K in keyof typeof CODES]: (text: string) => string };

export interface ViewOptions {
  readonly colours: boolean;
  /** Shows what the agent says of itself, too. */
  readonly verbose: boolean;
}

/** Lines for an event; none for what is not worth one. */
export type View = (event: DevEvent) => readonly string[];

export function createView({ colours, verbose }: ViewOptions): View {
  const paint = Object.fromEntries(
    Object.entries(CODES).map(([name, code]) => [
      name,
      (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text),
    ]),
  ) as Paint;
  const lines = linesOf(paint, verbose);
  return (event) => lines(event).map((line) => safe(line, colours));
}

const LEVELS = { trace: "dim", debug: "dim", info: "blue", warn: "yellow", error: "red" } as const;

const linesOf =
  (paint: Paint, verbose: boolean): View =>
  (event) => {
    switch (event.kind) {
      case "ready":
        return [
          `${paint.green("●")} ${paint.bold(event.components.join(", "))} runs on simulated devices. Commands: help, q`,
          ...event.hints.map((hint) => `  ${paint.dim(hint)}`),
        ];
      case "log":
        return showLog(event, paint, verbose);
      case "said":
        return event.text
          .split("\n")
          .map((line, index) =>
            index === 0
              ? `${paint[LEVELS[event.level]](event.level.padEnd(5))} ${paint.bold(event.component)} ${line}`
              : `      ${line}`,
          );
      case "call":
        return [`${paint.cyan("→")} ${event.from} → ${paint.bold(event.component)} ${showCall(event, paint)}`];
      case "import":
        return [`${paint.dim("  ↳")} ${event.component} → ${event.to} ${showCall(event, paint)}`];
      case "device":
        return [`${paint.magenta("◆")} ${event.device} ${paint.magenta(event.text)}`];
      case "building":
        return [paint.dim(`… building ${event.component}`)];
      case "running":
        return [
          `${paint.green("✓")} ${paint.bold(event.component)} runs ${event.how === "code" ? "the new code" : "anew"} ${paint.dim(`(${formatTook(event.took)})`)}`,
        ];
      case "failed":
        return [
          `${paint.red("✗")} ${paint.bold(event.component)} ${paint.red(event.goesOn ? "has faults; what ran before goes on" : "has faults, and does not run")}`,
          ...showFaults(event.faults, paint),
        ];
      case "types":
        return event.faults.length === 0
          ? [`${paint.green("✓")} types are right again`]
          : [
              `${paint.yellow("!")} ${paint.yellow(`types: ${event.faults.length} ${event.faults.length === 1 ? "fault" : "faults"}`)}`,
              ...showFaults(event.faults, paint),
            ];
      case "note":
        return [paint.dim(event.text)];
      default:
        return event satisfies never;
    }
  };

const showFaults = (faults: readonly Fault[], paint: Paint): string[] =>
  faults.flatMap((fault) =>
    formatFault(fault)
      .split("\n")
      .map((line) => `  ${paint.red(line)}`),
  );

function showCall({ what, args, took, result, error }: TracedCall, paint: Paint): string {
  const name = what.replace(/^[a-z0-9-]+:[a-z0-9-]+\//, "").replace(/@[^#]*#/, "#");
  const call = args === "" ? name : `${name}(${args})`;
  const end = error === undefined ? (result === undefined ? "" : ` = ${result}`) : ` ${paint.red(error)}`;
  return `${call}${end} ${paint.dim(formatTook(took))}`;
}

function showLog(event: Extract<DevEvent, { kind: "log" }>, paint: Paint, verbose: boolean): string[] {
  const { level, message, fields } = event;
  if (!verbose && (level === "info" || level === "debug" || level === "trace")) return [];
  const about = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(
      ([key, value]) =>
        `${key}=${value instanceof Error ? value.message : typeof value === "string" ? value : JSON.stringify(value)}`,
    );
  return [`${paint[LEVELS[level]](level.padEnd(5))} ${message} ${paint.dim(about.join(" "))}`.trimEnd()];
}

export const formatTook = (took: number): string =>
  took < 1000 ? `${took.toFixed(took < 10 ? 1 : 0)} ms` : `${(took / 1000).toFixed(2)} s`;

/** Texts come from components: control characters would move the cursor. Our own colours begin with one. */
function safe(line: string, colours: boolean): string {
  const kept = colours ? line.split(COLOUR) : [stripColours(line)];
  return kept.map((part) => (colours && COLOUR.test(part) ? part : part.replaceAll(/(?!\t)\p{Cc}/gu, "?"))).join("");
}

/** An answer has lines, and may have what a component says: nothing in it moves the cursor. */
export const safeText = (text: string): string => stripColours(text).replaceAll(/(?![\t\n])\p{Cc}/gu, "?");

// oxlint-disable-next-line no-control-regex -- colours begin with the escape character
const COLOUR = /(\u001b\[\d{1,2}m)/;
