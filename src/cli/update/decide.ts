import { askAgent } from "../../adapters/control/client.ts";
import { minutes } from "../../domain/units.ts";
import { printAnswer, socketOf, type AgentOptions } from "../agent-socket.ts";
import { formatUpdates } from "./text.ts";

export interface DecideOptions extends AgentOptions {
  readonly dryRun?: true;
  readonly digest?: string;
}

/** The version that goes is let end its calls, and one that is tried again may have to be compiled. */
const PATIENCE = minutes(3);

/** `petiole update accept`, `rollback` and `forgive` */
export async function updateDecide(
  component: string,
  decision: "accept" | "rollback" | "forgive",
  options: DecideOptions,
): Promise<void> {
  const { digest, dryRun = false } = options;
  const answer = await askAgent(await socketOf(options), "update-decide", {
    params: { component, decision, digest, dryRun },
    timeout: PATIENCE,
  });
  printAnswer(options, answer, ({ report, ...rest }) =>
    rest.dryRun ? `would ${WHAT[decision]}; nothing was changed` : formatUpdates([report]),
  );
}

const WHAT = {
  accept: "end the trial, with the new version",
  rollback: "end the trial, with the version before, and mark the new one",
  forgive: "take the mark away, and try again what is wanted",
} as const;
