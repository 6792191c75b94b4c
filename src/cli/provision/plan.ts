// What is left to do until a device is set up. Pure: what was done shows in what is there, so that the same question
// after a power cut gives the rest of the answer.

import type { ProvisionFile } from "../../config/provision-file.ts";

export type ProvisionStep = "install-config" | "restart" | "enrol" | "mark-done" | "remove-file";

export interface Situation {
  readonly file: Pick<ProvisionFile, "config" | "token" | "replaceConfig">;
  /** The configuration that is there. */
  readonly config: string | undefined;
  /** Nobody has changed the one that came with the package. */
  readonly isPackaged: boolean;
}

/** Undefined when a configuration is there that somebody made, and the file does not say that it makes way. */
export function planProvision({ file, config, isPackaged }: Situation): readonly ProvisionStep[] | undefined {
  const isThere = config === file.config;
  if (!isThere && config !== undefined && !isPackaged && !file.replaceConfig) return undefined;
  return [
    // Also when it is there: the power may have been cut before the agent's user got to read it.
    "install-config",
    ...(isThere ? [] : (["restart"] as const)),
    ...(file.token === undefined ? [] : (["enrol", "restart"] as const)),
    "mark-done",
    "remove-file",
  ];
}
