import { printable } from "../printable.ts";
import { formatAge, formatBytes, formatTable } from "../table.ts";
import type { AgentView } from "../../ui/agent-view.ts";

export interface Size {
  readonly columns: number;
  /** Undefined: as many as it takes. */
  readonly rows: number | undefined;
}

interface Section {
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The lines of a screen, each no longer than it is wide. Plain ASCII but for names: serial consoles know no more. */
export function renderTop(view: AgentView, { columns, rows }: Size): string[] {
  const head = headLines(view);
  const sections = sectionsOf(view).filter((section) => section.rows.length > 0);
  const tables = fit(sections, rows === undefined ? undefined : rows - head.length);
  const lines = [...head, ...tables.flatMap((table) => ["", ...table])];
  return lines.slice(0, rows).map((line) =>
    printable(line)
      .replaceAll(/[\t\n]+/g, " ")
      .slice(0, columns)
      .trimEnd(),
  );
}

function headLines(view: AgentView): string[] {
  const { device, version, state, uptime, hub, memory, cpu, writtenPerSecond, callsPerSecond, outbox } = view;
  const rtt = hub.rtt === undefined ? "" : ` ${hub.rtt.toFixed(0)} ms`;
  const link = hub.link === "disabled" ? "no hub" : `hub ${hub.link}${rtt}`;
  const limit = memory.max === undefined ? "" : ` of ${formatBytes(memory.max)}`;
  const anonymous = memory.anonymous === undefined ? "" : `${formatBytes(memory.anonymous)} anonymous, `;
  return [
    `${device}: petiole ${version}, ${state}, up ${formatAge(uptime)}, ${link}`,
    [
      `memory ${anonymous}${formatBytes(memory.resident)} resident${limit}`,
      ...(cpu === undefined ? [] : [`cpu ${percent(cpu)}`]),
      ...(writtenPerSecond === undefined ? [] : [`disk ${formatBytes(writtenPerSecond)}/s`]),
      `calls ${perSecond(callsPerSecond)}`,
    ].join(", "),
    `outbox ${formatBytes(outbox.bytes)} of ${formatBytes(outbox.cap)}, inbox ${view.inbox} waiting, clock ${view.clock}`,
    ...(hub.reason === undefined ? [] : [`hub: ${hub.reason}`]),
    ...view.notices.map((notice) => `attention: ${notice}`),
  ];
}

function sectionsOf({ components, providers, links, lanes }: AgentView): Section[] {
  return [
    {
      heading: ["COMPONENT", "STATE", "CALLS/S", "CPU", "MEMORY", "FAILED", "RESTARTS"],
      rows: components.map((one) => [
        one.id,
        one.state,
        perSecond(one.callsPerSecond),
        percent(one.cpu),
        formatBytes(one.memory),
        String(one.failures),
        String(one.restarts),
      ]),
    },
    {
      heading: ["LANE", "WAITING", "SIZE", "OLDEST", "IN/S", "OUT/S", "DROPPED"],
      rows: lanes.map((one) => [
        one.lane,
        String(one.waiting),
        formatBytes(one.bytes),
        one.oldest === undefined ? "-" : formatAge(one.oldest),
        perSecond(one.acceptedPerSecond),
        perSecond(one.deliveredPerSecond),
        String(one.dropped),
      ]),
    },
    {
      heading: ["FROM", "TO", "LINK", "CALLS/S", "TIME", "ERRORS", "OPEN"],
      rows: links.map((one) => [
        one.from,
        one.to,
        one.name,
        perSecond(one.callsPerSecond),
        one.mean === undefined ? "-" : formatTime(one.mean),
        String(one.errors),
        String(one.inFlight),
      ]),
    },
    { heading: ["PROVIDER", "TYPE", "STATE"], rows: providers.map(({ id, type, state }) => [id, type, state]) },
  ];
}

/** Tables that take no more than `room` lines together, with the blank line before each; what is left out is counted. */
function fit(sections: readonly Section[], room: number | undefined): string[][] {
  const shown = room === undefined ? sections.map(({ rows }) => rows.length) : shares(sections, room);
  return sections.map(({ heading, rows }, index) => {
    const count = shown[index] ?? 0;
    if (count >= rows.length) return formatTable([heading, ...rows]).split("\n");
    const kept = rows.slice(0, Math.max(0, count - 1));
    const more = count === 0 ? [] : [`... ${rows.length - kept.length} more`];
    return [...formatTable([heading, ...kept]).split("\n"), ...more];
  });
}

/** How many rows of each; in turns, so that no table starves another one. */
function shares(sections: readonly Section[], room: number): number[] {
  const shown = sections.map(() => 0);
  const wanted = sections.map(({ rows }) => rows.length);
  const most = room - 2 * sections.length;
  for (let turn = 0; turn < Math.max(0, ...wanted); turn += 1) {
    for (const [index, rows] of wanted.entries()) {
      const given = shown.reduce((sum, count) => sum + count, 0);
      if (turn < rows && given < most) shown[index] = turn + 1;
    }
  }
  return shown;
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
const perSecond = (value: number): string => (value === 0 ? "0" : value < 10 ? value.toFixed(1) : value.toFixed(0));

function formatTime(seconds: number): string {
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} us`;
  return seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(1)} s`;
}
