// Messages between the main thread and a component worker. Everything here passes a structured clone.

import type { Grants } from "../../domain/workload.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { InterfaceShape } from "../wit/type.ts";

/** How a component is instantiated. */
export interface GuestGlue {
  /** What the script evaluates to: LinkedInstantiate (link/linked-glue.ts), or Instantiate (prepare/glue.ts). */
  readonly kind: "linked" | "jco";
  readonly script: string;
  /** V8's code cache of the script; V8 ignores one that is not its own. Verified by whoever gives it. */
  readonly codeCache?: Uint8Array | undefined;
}

export interface GuestSetup {
  /** Unique in the process: what comes late from an instance that is gone finds nobody. */
  readonly instance: number;
  /** Names the component in stack traces. */
  readonly id: string;
  readonly glue: GuestGlue;
  /** By the name that the glue asks for: linked glue asks for numbers, "0", "1" and so on. */
  readonly modules: ReadonlyMap<string, WebAssembly.Module>;
  readonly imports: readonly InterfaceShape[];
  readonly exports: readonly InterfaceShape[];
  readonly env: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, string>>;
  readonly grants: Grants;
  /** Upper bound of each linear memory, in bytes. */
  readonly memory: number;
  /** See turns.ts. */
  readonly starts: SharedArrayBuffer;
}

/** How a linked import ended. */
export type ImportOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "err"; readonly payload: unknown }
  /** The main thread knows why; the guest's call ends. */
  | { readonly kind: "failed" };

export type ToWorker =
  | { readonly type: "start"; readonly turn: number; readonly setup: GuestSetup }
  | {
      readonly type: "call";
      readonly instance: number;
      readonly turn: number;
      /** As the component names it, version included. */
      readonly interfaceName: string;
      readonly functionName: string;
      readonly args: readonly unknown[];
    }
  | { readonly type: "reply"; readonly instance: number; readonly request: number; readonly outcome: ImportOutcome }
  | { readonly type: "drop"; readonly instance: number }
  | { readonly type: "ping"; readonly ping: number };

/** Why a call, or the start of an instance, failed. */
export type GuestFailure =
  | { readonly kind: "err"; readonly payload: unknown }
  | { readonly kind: "trap"; readonly reason: string; readonly memory: number }
  | { readonly kind: "exit"; readonly status: number }
  /** An import failed; the main thread knows why. */
  | { readonly kind: "import" }
  /** The component asks for something that the runtime does not have. */
  | { readonly kind: "unserved"; readonly reason: string };

export type FromWorker =
  | { readonly type: "started"; readonly instance: number }
  | { readonly type: "returned"; readonly instance: number; readonly turn: number; readonly value: unknown }
  | {
      readonly type: "failed";
      readonly instance: number;
      /** The call, or the turn of the start. */
      readonly turn: number;
      readonly failure: GuestFailure;
    }
  | {
      readonly type: "import";
      readonly instance: number;
      readonly request: number;
      /** As the component names it, version included. */
      readonly interfaceName: string;
      readonly functionName: string;
      readonly args: readonly unknown[];
    }
  | {
      readonly type: "log";
      readonly instance: number;
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  | { readonly type: "pong"; readonly ping: number };

/** Given to the worker when it is made. */
export interface WorkerSetup {
  /** See turns.ts. */
  readonly current: SharedArrayBuffer;
}
