import type { LiveLink, LiveView } from "./live-view.ts";

/** Something that happened between two looks. */
export interface Happening {
  readonly kind: "good" | "bad" | "note";
  readonly text: string;
}

/** More in one moment are counted, not told. */
const MOST = 40;
const GOOD: ReadonlySet<string> = new Set(["running", "online", "bound"]);
const BAD: ReadonlySet<string> = new Set(["failed", "degraded", "offline", "waiting"]);

/** What is worth telling of the way from one look at the agent to the next. */
export function eventsBetween(before: LiveView, now: LiveView): Happening[] {
  const events: Happening[] = [];
  const tell = (kind: Happening["kind"], text: string): void => void events.push({ kind, text });
  if (now.pid !== before.pid || now.uptime < before.uptime) tell("note", `The agent was started again: ${now.version}`);
  if (now.hub.link !== before.hub.link) {
    const why = now.hub.reason === undefined ? "" : `: ${now.hub.reason}`;
    tell(kindOf(now.hub.link), `The hub is ${now.hub.link}, was ${before.hub.link}${why}`);
  }
  for (const [was, is, id] of pairs(before.components, now.components, ({ id }) => id)) {
    const name = `Component ${id}`;
    if (is === undefined) tell("note", `${name} is gone`);
    else if (was === undefined) tell(kindOf(is.state), `${name} is new: ${is.state}`);
    else {
      if (was.state !== is.state)
        tell(kindOf(is.state), `${name} is ${is.state}, was ${was.state}${because(is.error)}`);
      if (was.version !== is.version && is.version !== undefined) tell("note", `${name} has version ${is.version}`);
      if (is.restarts > was.restarts) tell("bad", `${name} was replaced after a fault${because(is.error)}`);
      if (stateOfUpdate(was.update) !== stateOfUpdate(is.update)) {
        tell("note", is.update === undefined ? `${name}: its trial is over` : `${name}: version ${is.update}`);
      }
    }
  }
  for (const [was, is, id] of pairs(before.providers, now.providers, ({ id }) => id)) {
    const name = `Provider ${id}`;
    if (is === undefined) tell("note", `${name} is gone`);
    else if (was === undefined) tell(kindOf(is.state), `${name} is new: ${is.state}`);
    else {
      if (was.state !== is.state)
        tell(kindOf(is.state), `${name} is ${is.state}, was ${was.state}${because(is.error)}`);
      if (was.healthy !== is.healthy && is.healthy !== undefined) {
        tell(is.healthy ? "good" : "bad", `${name} says that it is ${is.healthy ? "well" : "not well"}`);
      }
    }
  }
  for (const [was, is] of pairs(before.links, now.links, keyOf)) {
    const link = is ?? was;
    if (link === undefined) continue;
    const name = `Link ${link.from} → ${link.to}`;
    if (is === undefined) tell("note", `${name} is gone`);
    else if (was === undefined) tell("note", `${name} is new`);
    else if (was.state !== is.state) tell(kindOf(is.state), `${name} is ${is.state}${because(is.error)}`);
  }
  for (const [was, is, lane] of pairs(before.lanes, now.lanes, ({ lane }) => lane)) {
    const lost = (is?.dropped ?? 0) - (was?.dropped ?? 0);
    if (was !== undefined && lost > 0)
      tell("bad", `Lane ${lane} gave up ${lost} ${lost === 1 ? "message" : "messages"}`);
  }
  if (now.outbox.paused !== before.outbox.paused) {
    tell("note", now.outbox.paused ? "Forwarding to the hub is paused" : "Forwarding to the hub goes on");
  }
  for (const notice of now.notices) if (!before.notices.includes(notice)) tell("bad", notice);
  if (events.length <= MOST) return events;
  return [...events.slice(0, MOST - 1), { kind: "note", text: `and ${events.length - MOST + 1} more changes` }];
}

const keyOf = ({ from, to, name, interfaces }: LiveLink): string => JSON.stringify([from, to, name, interfaces]);
const because = (error: string | undefined): string => (error === undefined ? "" : `: ${error}`);
/** Without the time that is left. */
const stateOfUpdate = (update: string | undefined): string | undefined => update?.replace(/, \d+ s left/, "");

function kindOf(state: string): Happening["kind"] {
  if (GOOD.has(state)) return "good";
  return BAD.has(state) ? "bad" : "note";
}

/** What both have under one key, and what only one has. */
function pairs<T>(
  before: readonly T[],
  now: readonly T[],
  key: (one: T) => string,
): [was: T | undefined, is: T | undefined, key: string][] {
  const was = new Map(before.map((one) => [key(one), one]));
  const is = new Map(now.map((one) => [key(one), one]));
  return [...new Set([...is.keys(), ...was.keys()])].map((one) => [was.get(one), is.get(one), one]);
}
