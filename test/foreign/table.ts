// The table of docs/compatibility.md, from what the tests hold the components to.

import type { ForeignCall, ForeignComponent, Outcome } from "./foreign-component.ts";

const BEGIN = "<!-- table: begin (node scripts/foreign/report.ts) -->";
const END = "<!-- table: end -->";

/** The document with its table made anew. */
export function withTable(document: string, components: readonly ForeignComponent[]): string {
  const [before, rest] = split(document, BEGIN);
  const [, after] = split(rest, END);
  return `${before}${BEGIN}\n\n${renderTable(components)}\n${END}${after}`;
}

function split(text: string, mark: string): readonly [string, string] {
  const at = text.indexOf(mark);
  if (at < 0) throw new Error(`Cannot update the table: found no "${mark}"`);
  return [text.slice(0, at), text.slice(at + mark.length)];
}

function renderTable(components: readonly ForeignComponent[]): string {
  const rows = components.map((one) => [one.name, one.language, one.madeWith, ...stages(one), notes(one)]);
  const heads = ["Component", "Written in", "Made with", "Load", "Instantiate", "Call", "What it shows, and why"];
  const lines = [heads, heads.map(() => "---"), ...rows].map((cells) => `| ${cells.map(escaped).join(" | ")} |`);
  const working = components.filter((one) => one.refused === undefined && one.calls.every(answers)).length;
  return `${components.length} components, of which ${working} do all that they are asked to.\n\n${lines.join("\n")}\n`;
}

const escaped = (text: string): string => text.replaceAll("|", "\\|");

function stages({ refused, calls }: ForeignComponent): readonly string[] {
  if (refused?.at === "load") return [refused.code, "", ""];
  if (refused?.at === "instantiate") return ["yes", refused.code, ""];
  return ["yes", "yes", calls.every(answers) ? `yes (${calls.length})` : mixed(calls)];
}

const answers = ({ outcome }: ForeignCall): boolean => !("fails" in outcome);

function mixed(calls: readonly ForeignCall[]): string {
  const failing = calls.filter((one) => !answers(one));
  const codes = [...new Set(failing.map(({ outcome }) => ("fails" in outcome ? outcome.fails : "")))].join(", ");
  const good = calls.length - failing.length;
  return good === 0 ? codes : `yes (${good}), ${codes} (${failing.length})`;
}

function notes({ shows, refused, leftToJco, withJco, calls }: ForeignComponent): string {
  const reasons = calls.flatMap(({ functionName, outcome }) =>
    because(outcome).map((why) => `\`${functionName}\` fails: ${why}`),
  );
  return [
    shows,
    ...new Set(reasons),
    ...(refused === undefined ? [] : [`refused: ${refused.because}`]),
    ...(leftToJco === undefined ? [] : [`runs on jco's glue: ${leftToJco}`]),
    ...(withJco === undefined ? [] : [`not on jco's glue: ${withJco.because}`]),
  ].join(". ");
}

const because = (outcome: Outcome): readonly string[] => ("fails" in outcome ? [outcome.because] : []);
