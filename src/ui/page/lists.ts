import type { LiveView } from "../live-view.ts";
import type { PageEvent, PageLogLine } from "../page-data.ts";
import { byId, html, keyedList } from "./dom.ts";
import { timeOfDay } from "./format.ts";
import type { PageState } from "./state.ts";
import { toneOf } from "./tone.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
const TONES = { good: "good", bad: "bad", note: "" } as const;
const WORDS = { good: "better", bad: "worse", note: "note" } as const;

/** What happened, what was logged, and what needs attention: newest first. */
export function createLists(): (state: PageState, view: LiveView | undefined) => void {
  // As index.html has them.
  const level = byId("level") as HTMLSelectElement;
  const text = byId("text") as HTMLInputElement;
  const section = byId("notices-section");
  const notices = keyedList<string, HTMLLIElement>({
    parent: byId("notices"),
    key: (notice) => notice,
    make: (notice) => html("li", {}, notice),
  });
  const events = keyedList<PageEvent, HTMLLIElement>({
    parent: byId("events"),
    key: ({ tick, text: of }) => `${tick} ${of}`,
    make: ({ at, kind, text: of }) => html("li", {}, time(at), html("b", { class: TONES[kind] }, WORDS[kind]), of),
  });
  const logs = keyedList<PageLogLine, HTMLLIElement>({
    parent: byId("logs"),
    key: ({ tick, seq }) => `${tick} ${seq}`,
    make: (line) => {
      const tone = line.level === "error" ? "bad" : line.level === "warn" ? "warn" : "";
      return html("li", {}, time(line.at), html("b", { class: tone }, line.level), textOf(line));
    },
  });
  let shown: PageState | undefined;
  const showLogs = (): void => {
    const wanted = text.value.trim().toLowerCase();
    const lines = (shown?.logs ?? []).filter(
      (line) => LEVELS.indexOf(line.level) >= Number(level.value) && textOf(line).toLowerCase().includes(wanted),
    );
    logs(lines.toReversed());
  };
  level.addEventListener("change", showLogs);
  text.addEventListener("input", showLogs);

  return (state, view) => {
    const wanted = view === undefined ? [] : attentionOf(view);
    section.hidden = wanted.length === 0;
    notices(wanted);
    events(state.events.toReversed());
    shown = state;
    showLogs();
  };
}

/** What does not do what it should, and what the agent itself says. */
function attentionOf({ notices, components, providers }: LiveView): string[] {
  const because = (error: string | undefined): string => (error === undefined ? "" : `: ${error}`);
  const isDown = ({ state }: { readonly state: string }): boolean => toneOf(state) === "bad";
  return [
    ...new Set([
      ...notices,
      ...components.filter(isDown).map(({ id, state, error }) => `Component ${id}: ${state}${because(error)}`),
      ...providers.filter(isDown).map(({ id, state, error }) => `Provider ${id}: ${state}${because(error)}`),
    ]),
  ];
}

const time = (at: number): HTMLTimeElement => html("time", { datetime: new Date(at).toISOString() }, timeOfDay(at));
const textOf = ({ message, fields }: PageLogLine): string =>
  [message, ...Object.entries(fields).map(([key, value]) => `${key}=${value}`)].join(" ");
