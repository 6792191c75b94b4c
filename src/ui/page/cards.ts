import type { LiveLane, LiveView } from "../live-view.ts";
import type { Point } from "../page-data.ts";
import { drawChart } from "./chart.ts";
import { byId, html, keyedList, setAttribute, setText, svg } from "./dom.ts";
import { bytes, duration, number, percent, perSecond } from "./format.ts";
import type { PageState } from "./state.ts";
import { toneOf, type Tone } from "./tone.ts";

interface Card {
  readonly title: string;
  readonly value: string;
  readonly sub: string;
  readonly tone?: Tone;
  readonly chart?: {
    readonly read: (values: NonNullable<Point["values"]>) => number;
    readonly show: (value: number) => string;
    readonly least: number;
  };
}

/** Of the charts, in seconds: as much as there is to see. */
const SPAN = { least: 60, most: 300 } as const;
const WIDTH = 240;
const HEIGHT = 48;

export function createCards(): (state: PageState, view: LiveView) => void {
  const vitals = cardList(byId("vitals"));
  const lanes = cardList(byId("lanes"));
  const outbox = byId("outbox");
  return (state, view) => {
    vitals(state, vitalsOf(view));
    lanes(state, view.lanes.map(laneCard));
    const { bytes: size, cap, paused, store } = view.outbox;
    const share = cap === 0 ? 0 : size / cap;
    setText(
      outbox,
      `${bytes(size)} of ${bytes(cap)} (${percent(share)}) wait for the hub` +
        `${paused ? "; forwarding is paused by an operator" : ""}${store === "disk" ? "." : "; kept in memory only."}`,
    );
  };
}

function vitalsOf({ hub, memory, cpu, callsPerSecond, inbox, clock, lattice }: LiveView): Card[] {
  const used = memory.anonymous ?? memory.resident;
  const rtt = hub.rtt === undefined ? "" : `, ${duration(hub.rtt / 1000)} round trip`;
  return [
    { title: "Hub", value: hub.link, tone: toneOf(hub.link), sub: hub.reason ?? `${hub.mode} mode${rtt}` },
    {
      title: "Calls",
      value: perSecond(callsPerSecond),
      sub: "of all components",
      chart: { read: ({ calls }) => calls, show: perSecond, least: 1 },
    },
    {
      title: "Processor",
      value: cpu === undefined ? "–" : percent(cpu),
      sub: "of one core",
      chart: { read: (values) => values.cpu, show: percent, least: 0.1 },
    },
    {
      title: "Memory",
      value: bytes(used),
      sub: memory.max === undefined ? `${bytes(memory.resident)} resident` : `of ${bytes(memory.max)} at most`,
      chart: { read: (values) => values.memory, show: bytes, least: 32 * 1024 ** 2 },
    },
    { title: "Inbox", value: number(inbox.waiting), sub: `from the hub: ${inbox.state}` },
    {
      title: "Clock",
      value: clock,
      tone: toneOf(clock),
      sub: clock === "synced" ? "somebody confirmed it" : "do not trust times",
    },
    ...(lattice === undefined ? [] : [{ title: "Lattice", value: lattice, sub: "as a host of wasmCloud" }]),
  ];
}

function laneCard(lane: LiveLane): Card {
  const oldest = lane.oldest === undefined ? "" : `, the oldest for ${duration(lane.oldest)}`;
  const way = lane.phase === undefined ? "" : ` (${lane.phase})`;
  return {
    title: `Lane ${lane.lane}`,
    value: `${number(lane.waiting)} waiting`,
    tone: lane.error === undefined || lane.waiting === 0 ? "" : "warn",
    sub: [
      `${bytes(lane.bytes)}${oldest}. In ${perSecond(lane.acceptedPerSecond)}, out ${perSecond(lane.deliveredPerSecond)}${way}.`,
      ...(lane.dropped > 0 ? [`${number(lane.dropped)} given up.`] : []),
      ...(lane.error === undefined || lane.waiting === 0 ? [] : [lane.error]),
    ].join(" "),
    chart: { read: ({ waiting }) => waiting[lane.lane] ?? 0, show: (value) => `${number(value)} waiting`, least: 5 },
  };
}

function cardList(parent: HTMLElement): (state: PageState, cards: readonly Card[]) => void {
  let state: PageState | undefined;
  const list = keyedList<Card, HTMLElement>({
    parent,
    key: ({ title }) => title,
    make: ({ title, chart }) =>
      html(
        "div",
        { class: "card" },
        html("h3", {}, title),
        html("p", { class: "value" }),
        html("p", { class: "sub" }),
        ...(chart === undefined ? [] : [chartFrame()]),
      ),
    update(element, card) {
      const value = element.querySelector(".value");
      const sub = element.querySelector(".sub");
      if (value === null || sub === null) return;
      setText(value, card.value);
      setAttribute(value, "class", `value ${card.tone ?? ""}`);
      setText(sub, card.sub);
      const chart = element.querySelector(".chart");
      if (card.chart !== undefined && chart !== null && state !== undefined) updateChart(chart, card.chart, state);
    },
  });
  return (now, cards) => {
    state = now;
    list(cards);
  };
}

const chartFrame = (): SVGSVGElement =>
  svg(
    "svg",
    { class: "chart", role: "img", viewBox: `0 0 ${WIDTH} ${HEIGHT + 1}`, preserveAspectRatio: "none" },
    svg("path", { class: "floor", d: `M0 ${HEIGHT + 0.5}H${WIDTH}` }),
    svg("path", { class: "area" }),
    svg("path", { class: "line" }),
  );

function updateChart(
  element: Element,
  { read, show, least }: NonNullable<Card["chart"]>,
  { points, now }: PageState,
): void {
  const values = points.map(({ at, values: all }) => ({ at, value: all === undefined ? undefined : read(all) }));
  const span = Math.min(SPAN.most, Math.max(SPAN.least, now - (values[0]?.at ?? now)));
  const chart = drawChart(values, { width: WIDTH, height: HEIGHT, now, span, least });
  const [, area, line] = element.children;
  if (area !== undefined) setAttribute(area, "d", chart.area);
  if (line !== undefined) setAttribute(line, "d", chart.line);
  const last = chart.last === undefined ? "no answer" : show(chart.last);
  setAttribute(element, "aria-label", `The last ${duration(span)}: now ${last}, at most ${show(chart.highest)}`);
}
