import type { Millis } from "../../domain/units.ts";
import type { AgentOptions } from "../agent-socket.ts";

/** Options of every command that works with applications: on this device, or with `lattice` by wadm. */
export interface AppOptions extends AgentOptions {
  readonly lattice?: true;
  readonly latticeName: string;
  readonly nats: string;
  readonly creds?: string;
  readonly timeout: Millis;
}

export interface ChangeOptions extends AppOptions {
  readonly dryRun?: true;
  /** False: do not wait. */
  readonly wait: Millis | false;
}
