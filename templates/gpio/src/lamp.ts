// What the component does, as plain functions: they know neither WIT nor GPIO.

export interface Press {
  readonly edge: "rising" | "falling";
}

/** Presses in a batch of edges: a button that goes down counts, one that comes up does not. */
export function countPresses(edges: readonly Press[]): number {
  return edges.filter(({ edge }) => edge === "rising").length;
}

/** What the lamp is after so many presses: each turns it over. */
export function turn(level: "active" | "inactive", presses: number): "active" | "inactive" {
  if (presses % 2 === 0) return level;
  return level === "active" ? "inactive" : "active";
}
