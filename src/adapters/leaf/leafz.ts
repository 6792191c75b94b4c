import type { Millis } from "../../domain/units.ts";
import type { PathSample } from "./link-model.ts";

export interface LeafzOptions {
  /** Base URL of the local server's monitoring. */
  readonly monitorUrl: string;
  /** Version of the local server. */
  readonly server: string;
  /** What it last complained about; told as the reason when the link is down. */
  readonly problem?: string | undefined;
}

/** Asks the local nats-server whether its leaf node is connected to the hub. Rejects when the server does not answer. */
export async function probeLeafz({ monitorUrl, server, problem }: LeafzOptions, timeout: Millis): Promise<PathSample> {
  let answer: unknown;
  try {
    const response = await fetch(`${monitorUrl}/leafz`, { signal: AbortSignal.timeout(timeout) });
    answer = await response.json();
  } catch (cause) {
    throw new Error("the local nats-server does not answer", { cause });
  }
  // The server takes no leaf nodes itself, so each one listed is its own link to the hub.
  const up = leafCount(answer) > 0;
  const down = `the local nats-server has no connection to the hub${problem === undefined ? "" : `: ${problem}`}`;
  return up ? { up, server, connection: leafName(answer) } : { up, server, reason: down };
}

export function leafCount(answer: unknown): number {
  if (typeof answer !== "object" || answer === null || !("leafnodes" in answer)) return 0;
  return typeof answer.leafnodes === "number" ? answer.leafnodes : 0;
}

/** What newer servers say of the link: the number of the connection, and the hub's name, another one for each start. */
function leafName(answer: unknown): string | undefined {
  const { leafs } = answer as { readonly leafs?: readonly { readonly id?: unknown; readonly name?: unknown }[] };
  const [first] = leafs ?? [];
  return first === undefined ? undefined : JSON.stringify([first.id, first.name]);
}
