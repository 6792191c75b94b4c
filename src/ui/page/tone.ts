export type Tone = "good" | "warn" | "bad" | "";

const GOOD: ReadonlySet<string> = new Set([
  "running",
  "well",
  "bound",
  "online",
  "synced",
  "forwarding",
  "receiving",
  "disk",
]);
const BAD: ReadonlySet<string> = new Set(["failed", "not well", "degraded", "offline", "wrong", "memory", "full"]);
const NOTHING: ReadonlySet<string> = new Set(["", "–", "disabled", "off", "none"]);

/** How what is in a state is doing. */
export function toneOf(state: string): Tone {
  if (GOOD.has(state)) return "good";
  if (BAD.has(state)) return "bad";
  return NOTHING.has(state) ? "" : "warn";
}
