import type { PageData } from "../page-data.ts";
import { createCards } from "./cards.ts";
import { byId, setAttribute, setText } from "./dom.ts";
import { duration, timeOfDay } from "./format.ts";
import { createGraph } from "./graph.ts";
import { createLists } from "./lists.ts";
import { bannerOf, EMPTY, fail, isLate, isStale, LONGEST_SILENCE, take, type PageState } from "./state.ts";
import { createTables } from "./tables.ts";
import { followTheme } from "./theme.ts";

const PACE_MS = 2000;
const PATIENCE_MS = 15_000;
const KEY = "petiole-key";

const showCards = createCards();
const showTables = createTables();
const showGraph = createGraph();
const showLists = createLists();
const pause = byId("pause");
const banner = byId("banner");

let state: PageState = EMPTY;
let isPaused = false;
let timer: number | undefined;
/** One question at a time. */
let isAsking = false;

/** The key comes in the address once; from then on this tab alone keeps it, and the address does not show it. */
function takeKey(): void {
  const key = location.hash.slice(1);
  if (!/^[\w-]{20,100}$/.test(key)) return;
  sessionStorage.setItem(KEY, key);
  history.replaceState(null, "", location.pathname);
}

async function ask(): Promise<PageState> {
  const key = sessionStorage.getItem(KEY) ?? "";
  const query = new URLSearchParams({ run: state.run ?? "", after: String(state.tick) });
  const response = await fetch(`/data?${query.toString()}`, {
    headers: { authorization: `Bearer ${key}` },
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const answer: unknown = await response.json();
  // The server belongs to this page.
  if (response.ok) return take(state, answer as PageData, Date.now());
  return fail(state, (answer as { readonly reason: string }).reason, Date.now());
}

async function goOn(): Promise<void> {
  clearTimeout(timer);
  if (isAsking || isPaused || document.hidden) return;
  isAsking = true;
  // What was seen before the page was hidden is not called live, nor what no answer comes to.
  if (isLate(state, Date.now())) show();
  const overdue = setTimeout(show, LONGEST_SILENCE);
  try {
    state = await ask();
  } catch (error) {
    state = fail(state, error instanceof Error ? error.message : String(error), Date.now());
  } finally {
    clearTimeout(overdue);
    isAsking = false;
    timer = setTimeout(() => void goOn(), PACE_MS);
  }
  show();
}

function show(): void {
  const now = Date.now();
  const { tone, text } = bannerOf(state, { isPaused, now }, timeOfDay);
  showBanner(tone, text, isStale(state) || (!isPaused && isLate(state, now)));
  try {
    showRest();
  } catch (error) {
    // Else it would look live, and stand still.
    showBanner("bad", `This page has a fault: ${String(error)}. What you see may be old.`, true);
    throw error;
  }
}

function showBanner(tone: string, text: string, isOld: boolean): void {
  setText(banner, text);
  setAttribute(banner, "class", tone);
  document.body.classList.toggle("stale", isOld);
}

function showRest(): void {
  const { view } = state;
  showLists(state, view);
  if (view === undefined) return;
  setText(byId("device"), view.device);
  const title = `${view.device}: ${isStale(state) ? "not reachable" : view.hub.link} – petiole`;
  if (document.title !== title) document.title = title;
  setText(byId("summary"), `${view.state}, up ${duration(view.uptime)}, process ${view.pid}`);
  setText(byId("version"), view.version);
  showCards(state, view);
  showTables(view);
  showGraph(view);
  const left = byId("left");
  left.hidden = view.left === 0;
  setText(left, `${view.left} more components, providers and links are not shown: petiole status has them all.`);
}

pause.addEventListener("click", () => {
  isPaused = !isPaused;
  setAttribute(pause, "aria-pressed", String(isPaused));
  show();
  void goOn();
});
document.addEventListener("visibilitychange", () => void goOn());
addEventListener("hashchange", () => {
  takeKey();
  void goOn();
});
takeKey();
followTheme();
void goOn();
