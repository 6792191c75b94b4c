import type { LogFields, LogLevel } from "../../lib/log.ts";
import type { Fault } from "./fault.ts";

/** Whatever happens while a component is being developed, as it is shown and as programs get it. */
export type DevEvent =
  | { readonly kind: "ready"; readonly components: readonly string[]; readonly hints: readonly string[] }
  /** Of the agent and its providers. */
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string; readonly fields: LogFields }
  /** What a component wrote. */
  | { readonly kind: "said"; readonly component: string; readonly level: LogLevel; readonly text: string }
  /** Somebody called a component, and it has ended. */
  | ({ readonly kind: "call"; readonly from: string } & TracedCall)
  /** A component called somebody. */
  | ({ readonly kind: "import"; readonly to: string } & TracedCall)
  /** Something of the simulated hardware changed. */
  | { readonly kind: "device"; readonly device: string; readonly text: string }
  | { readonly kind: "building"; readonly component: string }
  /** Other code runs from now on. */
  | {
      readonly kind: "running";
      readonly component: string;
      /** Milliseconds since the change was seen. */
      readonly took: number;
      /** `code`: in the component that was there. `component`: in a new one. */
      readonly how: "code" | "component";
    }
  | {
      readonly kind: "failed";
      readonly component: string;
      readonly took: number;
      readonly faults: readonly Fault[];
      /** Whether what ran before goes on; nothing runs otherwise. */
      readonly goesOn: boolean;
    }
  /** What the type checker found, which hinders nothing. */
  | { readonly kind: "types"; readonly component: string; readonly took: number; readonly faults: readonly Fault[] }
  | { readonly kind: "note"; readonly text: string };

export interface TracedCall {
  readonly component: string;
  /** Such as `petiole:timer/timer-handler#handle-timer`, or `GET /count`. */
  readonly what: string;
  readonly args: string;
  /** Milliseconds. */
  readonly took: number;
  /** Undefined when there is none. */
  readonly result: string | undefined;
  readonly error: string | undefined;
}

export type Emit = (event: DevEvent) => void;
