import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { askAgent } from "../../adapters/control/client.ts";
import { PetioleError } from "../../domain/errors.ts";
import type { LinkSwapReport } from "../../domain/link-swap.ts";
import { minutes } from "../../domain/units.ts";
import { reasonOf } from "../../lib/reason.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";

export interface ResetOptions extends AgentOptions {
  readonly name?: string;
  readonly dryRun?: true;
}

export interface SwapOptions extends ResetOptions {
  readonly to: string;
  readonly from?: string;
  readonly interface?: readonly string[];
  /** YAML, or `@` and a file with some. */
  readonly linkConfig?: string;
}

/** The other provider may have a server to reach, and calls on the old link are let end. */
const PATIENCE = minutes(2);

/** `petiole link swap` */
export async function linkSwap(component: string, options: SwapOptions): Promise<void> {
  const { to, from, name, interface: interfaces, linkConfig, dryRun = false } = options;
  const config = linkConfig === undefined ? undefined : await readConfig(linkConfig);
  const params = { component, to, from, name, interfaces, config, dryRun };
  const answer = await askAgent(await socketOf(options), "link-swap", { params, timeout: PATIENCE });
  printAnswer(options, answer, formatMoves);
}

/** `petiole link reset` */
export async function linkReset(component: string, options: ResetOptions): Promise<void> {
  const { name, dryRun = false } = options;
  const params = { component, name, dryRun };
  const answer = await askAgent(await socketOf(options), "link-reset", { params, timeout: PATIENCE });
  printAnswer(options, answer, formatMoves);
}

async function readConfig(text: string): Promise<unknown> {
  try {
    return parse(text.startsWith("@") ? await readFile(text.slice(1), "utf8") : text) as unknown;
  } catch (cause) {
    throw new PetioleError("ERR_CONFIG_INVALID", `Cannot read the link's configuration "${text}": ${reasonOf(cause)}`, {
      cause,
    });
  }
}

function formatMoves({ dryRun, moves }: LinkSwapReport): string {
  const lines = moves.map(
    ({ source, target, interfaces, from, to }) => `${source} to ${target} (${interfaces.join(", ")}): ${from} → ${to}`,
  );
  if (lines.length === 0) return "forgotten; no link was swapped by it";
  return dryRun ? [...lines, "nothing was changed"].join("\n") : lines.join("\n");
}
