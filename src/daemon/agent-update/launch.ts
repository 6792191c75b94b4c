import { isAbsolute } from "node:path";
import { createAgentFolder } from "../../adapters/versions/agent-folder.ts";
import { PetioleError, type ErrorCode } from "../../domain/errors.ts";
import type { Logger } from "../../lib/log.ts";
import { reasonOf } from "../../lib/reason.ts";

/** What the launcher said when it started this process. */
export interface Launch {
  /** Where the versions are. */
  readonly folder: string;
  /** Undefined for the packaged version. */
  readonly version: string | undefined;
}

/** Undefined when it was not the launcher that started this process. */
export function readLaunch(env: Readonly<Record<string, string | undefined>>): Launch | undefined {
  const { PETIOLE_LAUNCHED: folder, PETIOLE_LAUNCHED_VERSION: version } = env;
  if (folder === undefined || version === undefined || !isAbsolute(folder)) return undefined;
  return { folder, version: version === "packaged" ? undefined : version };
}

/** Failures at the start that another start would not mend. */
const HOPELESS: readonly ErrorCode[] = ["ERR_CONFIG_INVALID", "ERR_STORE_OPEN"];

/**
 * A version on trial that cannot start, for a reason that does not pass, is given up at once. What may pass is left to the
 * launcher, which counts.
 */
export async function giveUpHopeless(launch: Launch | undefined, error: unknown, log: Logger): Promise<void> {
  if (launch?.version === undefined || !(error instanceof PetioleError) || !HOPELESS.includes(error.code)) return;
  try {
    const folder = createAgentFolder(launch.folder);
    const { trial } = await folder.state();
    if (trial?.version !== launch.version) return;
    log.error("This version of petiole is given up", { version: launch.version, reason: error.message });
    await folder.giveUp(launch.version, `it does not start: ${error.code}: ${error.message}`);
  } catch (failure) {
    log.error("This version of petiole cannot be given up", { reason: reasonOf(failure) });
  }
}
