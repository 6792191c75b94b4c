/** What one instance's WASI needs from its surroundings. */
export interface WasiHost {
  readonly env: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, string>>;
  /** Most bytes of randomness that one call may ask for. */
  readonly maxRandomBytes: number;
  readonly print: (stream: OutputName, line: string) => void;
  readonly log: (level: GuestLogLevel, context: string, message: string) => void;
  /** Waits on behalf of the guest, which stands still until then. Never settles once the instance is gone. */
  readonly sleep: (milliseconds: number) => Promise<void>;
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
