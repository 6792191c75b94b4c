import type { LiveLink, LiveView } from "../live-view.ts";
import { byId, html, setAttribute, setText, svg } from "./dom.ts";
import { perSecond } from "./format.ts";
import { layOut, type Layout } from "./layout.ts";
import { rowId } from "./tables.ts";
import { toneOf, type Tone } from "./tone.ts";

const SIZE = { width: 168, height: 44, gapX: 72, gapY: 18 } as const;
/** More is a knot: the table has them all. */
const MOST_BOXES = 80;
const LONGEST = 20;

interface Node {
  readonly id: string;
  readonly kind: "component" | "provider" | "elsewhere";
  /** For people, in the box's second line. */
  readonly detail: string;
  readonly tone: Tone;
}

/**
 * Components, providers and the links between them. It is drawn anew only when other boxes or lines are there, so that the
 * focus stays where it is.
 */
export function createGraph(): (view: LiveView) => void {
  const place = byId("graph");
  const drawing = svg("svg", { role: "group", "aria-label": "Components, providers and the links between them" });
  const note = html("p", { class: "sub" });
  place.append(drawing, note);
  let drawn = "";
  let layout: Layout | undefined;

  return (view) => {
    const all = nodesOf(view);
    const nodes = all.slice(0, MOST_BOXES);
    const shape = JSON.stringify([
      nodes.map(({ id, kind }) => [id, kind]),
      view.links.map(({ from, to }) => [from, to]),
    ]);
    if (shape !== drawn || layout === undefined) {
      layout = layOut(
        nodes.map(({ id }) => id),
        view.links,
        SIZE,
      );
      draw(drawing, layout, nodes);
      drawn = shape;
    }
    for (const node of nodes) updateBox(drawing, node);
    for (const line of layout.lines) {
      updateLine(
        drawing,
        line,
        view.links.filter(({ from, to }) => from === line.from && to === line.to),
      );
    }
    const left = all.length - nodes.length;
    setText(
      note,
      left > 0 ? `${left} more are in the tables only.` : nodes.length === 0 ? "Nothing is wanted here yet." : "",
    );
  };
}

function nodesOf({ components, providers, links }: LiveView): Node[] {
  // What delivers and serves first: where calls go both ways, the way to the component is the one to the right.
  const known = [
    ...providers.map(({ id, type, state, healthy }): Node => {
      const isIll = healthy === false;
      const detail = state === "running" && !isIll ? type : `${isIll ? "not well" : state}: ${type}`;
      return { id, kind: "provider", detail, tone: isIll ? "bad" : toneOf(state) };
    }),
    ...components.map(({ id, state, callsPerSecond, update }): Node => {
      const detail = update !== undefined && state === "running" ? "on trial" : state;
      const tone = detail === "on trial" ? "warn" : toneOf(state);
      return { id, kind: "component", detail: `${detail}, ${perSecond(callsPerSecond)}`, tone };
    }),
  ];
  const ids = new Set(known.map(({ id }) => id));
  const ends = new Set(links.flatMap(({ from, to }) => [from, to]).filter((id) => !ids.has(id)));
  // On another host, or not there at all: what the link is like says which.
  return [
    ...known,
    ...[...ends].map((id): Node => ({ id, kind: "elsewhere", detail: "not on this device", tone: "" })),
  ];
}

function draw(drawing: SVGSVGElement, { width, height, boxes, lines }: Layout, nodes: readonly Node[]): void {
  setAttribute(drawing, "viewBox", `0 0 ${width} ${height}`);
  setAttribute(drawing, "width", String(width));
  setAttribute(drawing, "height", String(height));
  const tip = svg("path", { d: "M0 0L7 4L0 8Z" });
  const marker = { id: "arrow", viewBox: "0 0 8 8", refX: "7", refY: "4", orient: "auto" };
  const units = { markerWidth: "9", markerHeight: "9", markerUnits: "userSpaceOnUse" };
  drawing.replaceChildren(
    svg("defs", {}, svg("marker", { ...marker, ...units }, tip)),
    ...lines.map(({ from, to, path }) =>
      svg("path", { d: path, "data-line": JSON.stringify([from, to]) }, svg("title")),
    ),
    ...boxes.flatMap(({ id, x, y }) => {
      const node = nodes.find((one) => one.id === id);
      return node === undefined ? [] : [box(node, x, y)];
    }),
  );
}

function box({ id, kind }: Node, x: number, y: number): SVGElement {
  const parts = [
    svg("rect", { width: String(SIZE.width), height: String(SIZE.height), rx: "6" }, svg("title", {}, `${kind} ${id}`)),
    // Texts stand apart, for when they are read aloud.
    " ",
    svg("text", { x: "14", y: "18" }, clip(id)),
    " ",
    svg("text", { x: "14", y: "34", class: "sub" }),
  ];
  const at = { transform: `translate(${x} ${y})`, "data-box": id };
  // Enter leads to what the table knows of it.
  if (kind === "elsewhere") return svg("g", at, ...parts);
  return svg("a", { ...at, href: `#${rowId(kind, id)}` }, ...parts);
}

function updateBox(drawing: SVGSVGElement, { id, kind, detail, tone }: Node): void {
  const element = drawing.querySelector(`[data-box="${CSS.escape(id)}"]`);
  const sub = element?.querySelector(".sub");
  if (element === null || sub === null || sub === undefined) return;
  setAttribute(element, "class", `${kind} ${tone}`);
  setText(sub, clip(detail, LONGEST + 4));
}

function updateLine(
  drawing: SVGSVGElement,
  { from, to }: { from: string; to: string },
  links: readonly LiveLink[],
): void {
  const element = drawing.querySelector(`[data-line="${CSS.escape(JSON.stringify([from, to]))}"]`);
  const title = element?.querySelector("title");
  if (element === null || title === null || title === undefined) return;
  const worst =
    links.find(({ state }) => state === "failed") ?? links.find(({ state }) => state !== "bound") ?? links[0];
  // Calls are counted by name: links of one name and other interfaces have the same number.
  const rates = new Map(links.map(({ name, callsPerSecond }) => [name, callsPerSecond]));
  const rate = [...rates.values()].reduce((sum, one) => sum + one, 0);
  setAttribute(element, "class", `${toneOf(worst?.state ?? "")} ${rate > 0 ? "busy" : ""}`);
  const interfaces = links.flatMap((link) => link.interfaces).join(", ");
  setText(title, `${from} → ${to}: ${worst?.state ?? ""}, ${perSecond(rate)}, ${interfaces}`);
}

const clip = (text: string, most = LONGEST): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
