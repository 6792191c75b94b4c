import type { Grants } from "../../domain/workload.ts";
import type { Suspend } from "./waiting.ts";

/** What one instance's WASI needs from its surroundings. */
export interface WasiHost {
  /** What the guest is told as the name of its program. */
  readonly id: string;
  readonly env: Readonly<Record<string, string>>;
  /** As it is now: it may change between two calls, and in one. */
  readonly config: () => Readonly<Record<string, string>>;
  /** Most bytes of randomness that one call may ask for. */
  readonly maxRandomBytes: number;
  readonly print: (stream: OutputName, line: string) => void;
  readonly log: (level: GuestLogLevel, context: string, message: string) => void;
  readonly grants: Grants;
  readonly suspend: Suspend;
}

export type OutputName = "stdout" | "stderr";
export type GuestLogLevel = "trace" | "debug" | "info" | "warn" | "error" | "critical";

/** Thrown through the guest's frames when it calls `exit`. */
export class GuestExit extends Error {
  override readonly name = "GuestExit";
  readonly status: number;

  constructor(status: number) {
    super(`exit with status ${status}`);
    this.status = status;
  }
}
