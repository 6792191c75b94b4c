import type { AgentStatus, ComponentStatus, ProviderStatus } from "../domain/status.ts";

/** What fits into one line about the agent. */
export type Glance = Pick<AgentStatus, "hub" | "components" | "providers">;

/** `hub online, 4 of 5 components and 2 of 2 providers run`, and what does not. */
export function agentLine({ hub, components, providers }: Glance): string {
  const link = hub.link === "disabled" ? "no hub" : `hub ${hub.link}`;
  const down = [...components, ...providers].filter((one) => !runs(one)).map(({ id }) => id);
  const lacking = down.length === 0 ? "" : `; not: ${down.slice(0, MOST_NAMES).join(", ")}${more(down.length)}`;
  return `${link}, ${ratio(components)} components and ${ratio(providers)} providers run${lacking}`;
}

const MOST_NAMES = 5;
const runs = ({ state }: ComponentStatus | ProviderStatus): boolean => state === "running";
const ratio = (all: readonly (ComponentStatus | ProviderStatus)[]): string =>
  `${all.filter(runs).length} of ${all.length}`;
const more = (count: number): string => (count > MOST_NAMES ? ` and ${count - MOST_NAMES} more` : "");
