import type { LiveComponent, LiveLink, LiveProvider, LiveView } from "../live-view.ts";
import { byId, html, keyedList, setAttribute, setText } from "./dom.ts";
import { bytes, duration, number, percent, perSecond } from "./format.ts";
import { toneOf } from "./tone.ts";

interface Column<T> {
  readonly title: string;
  readonly kind?: "number" | "text" | "state";
  readonly cell: (item: T) => string;
}

const COMPONENTS: readonly Column<LiveComponent>[] = [
  { title: "Component", cell: ({ id }) => id },
  { title: "State", kind: "state", cell: ({ state }) => state },
  { title: "Instances", kind: "number", cell: ({ instances }) => number(instances) },
  { title: "Calls/s", kind: "number", cell: ({ callsPerSecond }) => number(callsPerSecond) },
  { title: "Calls", kind: "number", cell: ({ calls }) => number(calls) },
  { title: "Failed", kind: "number", cell: ({ failures }) => number(failures) },
  { title: "Replaced", kind: "number", cell: ({ restarts }) => number(restarts) },
  { title: "Memory", kind: "number", cell: ({ memory }) => bytes(memory) },
  { title: "CPU", kind: "number", cell: ({ cpu }) => percent(cpu) },
  { title: "Version", cell: ({ version }) => version ?? "–" },
];

const PROVIDERS: readonly Column<LiveProvider>[] = [
  { title: "Provider", cell: ({ id }) => id },
  { title: "Type", cell: ({ type }) => type },
  { title: "State", kind: "state", cell: ({ state }) => state },
  { title: "Health", kind: "state", cell: healthOf },
  { title: "Waiting messages", kind: "number", cell: ({ waiting }) => (waiting === undefined ? "–" : number(waiting)) },
];

const LINKS: readonly Column<LiveLink>[] = [
  { title: "From", cell: ({ from }) => from },
  { title: "To", cell: ({ to, insteadOf }) => (insteadOf === undefined ? to : `${to} (instead of ${insteadOf})`) },
  { title: "State", kind: "state", cell: ({ state }) => state },
  { title: "Interfaces", kind: "text", cell: ({ interfaces }) => interfaces.join(", ") },
  { title: "Name", cell: ({ name }) => name },
  { title: "Calls/s", kind: "number", cell: ({ callsPerSecond }) => perSecond(callsPerSecond) },
  { title: "Time", kind: "number", cell: ({ mean }) => (mean === undefined ? "–" : duration(mean)) },
  { title: "Open", kind: "number", cell: ({ inFlight }) => number(inFlight) },
  { title: "Errors", kind: "number", cell: ({ errors }) => number(errors) },
];

/** A provider that is a part of petiole is as well as its state says. */
function healthOf({ healthy, state }: LiveProvider): string {
  if (healthy === undefined) return state === "running" ? "well" : "–";
  return healthy ? "well" : "not well";
}

/** Where the box of the graph leads to. */
export const rowId = (kind: "component" | "provider", id: string): string => `${kind}-${encodeURIComponent(id)}`;

export function createTables(): (view: LiveView) => void {
  const components = table("components", COMPONENTS, {
    key: ({ id }) => id,
    anchor: ({ id }) => rowId("component", id),
    notes: ({ update, error }) => [update === undefined ? "" : `New version ${update}`, lastError(error)],
  });
  const providers = table("providers", PROVIDERS, {
    key: ({ id }) => id,
    anchor: ({ id }) => rowId("provider", id),
    notes: ({ error }) => [lastError(error)],
  });
  const links = table("links", LINKS, {
    key: ({ from, to, name, interfaces }) => JSON.stringify([from, to, name, interfaces]),
    notes: ({ error }) => [lastError(error)],
  });
  return (view) => {
    components(view.components.toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    providers(view.providers);
    links(view.links);
  };
}

const lastError = (error: string | undefined): string => (error === undefined ? "" : `Last error: ${error}`);

interface Rows<T> {
  readonly key: (item: T) => string;
  readonly anchor?: (item: T) => string;
  /** What is too long for a column. */
  readonly notes: (item: T) => readonly string[];
}

function table<T>(id: string, columns: readonly Column<T>[], rows: Rows<T>): (items: readonly T[]) => void {
  const head = columns.map(({ title, kind }) => html("th", { scope: "col", class: kind ?? "" }, title));
  const parent = byId(id);
  parent.append(html("thead", {}, html("tr", {}, ...head)));
  // One body for each item: a row, and a wide cell below it for what there is to say.
  return keyedList<T, HTMLTableSectionElement>({
    parent,
    key: rows.key,
    make(item) {
      const cells = columns.map(({ kind }, index) =>
        index === 0
          ? html("th", { scope: "row" })
          : html("td", { class: kind ?? "" }, ...(kind === "state" ? [html("span")] : [])),
      );
      const note = html("td", { class: "note", colspan: String(columns.length) });
      const body = html("tbody", {}, html("tr", {}, ...cells), html("tr", {}, note));
      if (rows.anchor !== undefined) body.id = rows.anchor(item);
      return body;
    },
    update(body, item) {
      const [row, below] = body.rows;
      columns.forEach(({ kind, cell }, index) => {
        const element = row?.children[index];
        if (element === undefined) return;
        const text = cell(item);
        if (kind !== "state") return setText(element, text);
        const badge = element.firstElementChild ?? element;
        setText(badge, text);
        const tone = toneOf(text);
        setAttribute(badge, "class", tone === "" ? "" : `badge ${tone}`);
      });
      const note = rows.notes(item).filter((text) => text !== "");
      if (below === undefined) return;
      below.hidden = note.length === 0;
      setText(below.cells[0] ?? below, note.join(". "));
    },
  });
}
