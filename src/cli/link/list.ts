import { askAgent } from "../../adapters/control/client.ts";
import type { LinksReport } from "../../domain/link-swap.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatTable } from "../table.ts";

/** `petiole link list` */
export async function linkList(options: AgentOptions): Promise<void> {
  printAnswer(options, await askAgent(await socketOf(options), "links"), formatLinks);
}

function formatLinks({ links, idle }: LinksReport): string {
  if (links.length === 0 && idle.length === 0) return "no links are wanted";
  const rows = links.map(({ source, target, interfaces, name, state, insteadOf }) => [
    source,
    target,
    interfaces.join(", "),
    name,
    state,
    insteadOf ?? "-",
  ]);
  return [
    formatTable([["FROM", "TO", "INTERFACES", "NAME", "STATE", "INSTEAD OF"], ...rows]),
    ...links.flatMap(({ source, target, lastError }) =>
      lastError === undefined ? [] : [`  ${source} to ${target}: ${lastError.code}: ${lastError.message}`],
    ),
    ...idle.map(
      ({ of, to }) => `  a swap of ${of.source} to ${of.target} for ${to} is kept, and has no link to act on`,
    ),
  ].join("\n");
}
