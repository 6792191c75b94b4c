import { askAgent } from "../../adapters/control/client.ts";
import { seconds } from "../../domain/units.ts";
import { printAnswer, socketOf } from "../agent-socket.ts";
import type { ChangeOptions } from "./options.ts";
import { formatChanges } from "./text.ts";

export interface RemoveOptions extends ChangeOptions {
  readonly keep?: true;
}

/** Calls that run are let end first. */
const ANSWER_LIMIT = seconds(120);

/** `petiole undeploy` */
export async function undeploy(name: string, options: RemoveOptions): Promise<void> {
  if (options.lattice === true) {
    const { undeployFromLattice } = await import("./wadm.ts");
    await undeployFromLattice(name, options);
    return;
  }
  const params = { name, dryRun: options.dryRun === true };
  const report = await askAgent(await socketOf(options), "app-undeploy", { params, timeout: ANSWER_LIMIT });
  printAnswer(options, report, ({ changes, dryRun }) =>
    dryRun ? formatChanges(changes) : `${formatChanges(changes)}\n${name} is undeployed`,
  );
}
