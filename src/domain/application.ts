// What `petiole apps` and `petiole deploy` show of the applications of a device; also the control socket's answers.

import type { LinkState, RunState, StatusError } from "./status.ts";

/**
 * `deployed`: everything that the device is to run of it runs. `waiting`: some of it starts, or is tried again. `failed`: some of
 * it cannot run as it is.
 */
export type ApplicationState = "deployed" | "waiting" | "failed";

export interface ApplicationStatus {
  readonly name: string;
  readonly version: string | undefined;
  readonly description: string | undefined;
  readonly state: ApplicationState;
  readonly items: readonly ApplicationItem[];
  readonly links: readonly ApplicationLink[];
  /** What of the manifest as a whole stands in the way, such as a name that the configuration file has too. */
  readonly problem: StatusError | undefined;
}

/**
 * Besides what a component of the device may be: `elsewhere` when the scaler means other hosts, `unscaled` when nothing says
 * how many there are to be, `shared` when another application has it, `taken` when the device's own configuration has its id.
 */
export type ApplicationItemState = RunState | "elsewhere" | "unscaled" | "shared" | "taken";

export interface ApplicationItem {
  /** In the manifest. */
  readonly name: string;
  /** On the device. */
  readonly id: string;
  readonly kind: "component" | "capability";
  readonly image: string | undefined;
  readonly instances: number;
  readonly state: ApplicationItemState;
  readonly lastError: StatusError | undefined;
}

export interface ApplicationLink {
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly interfaces: readonly string[];
  readonly state: LinkState | "elsewhere" | "taken";
  readonly lastError: StatusError | undefined;
}

/** One thing that deploying or undeploying does to the device. */
export interface ApplicationChange {
  readonly action: "add" | "change" | "remove";
  readonly kind: "component" | "provider" | "link";
  /** Of a link, `source → target`. */
  readonly id: string;
  /** Where it comes from, or which interfaces it is for. */
  readonly what: string;
}

export interface DeployReport {
  readonly name: string;
  readonly version: string | undefined;
  readonly outcome: "new" | "changed" | "unchanged";
  readonly changes: readonly ApplicationChange[];
  readonly warnings: readonly string[];
  readonly dryRun: boolean;
}

export interface UndeployReport {
  readonly name: string;
  readonly changes: readonly ApplicationChange[];
  readonly dryRun: boolean;
}
