// Messages between the main thread and a component worker. Everything here passes a structured clone; what is sent
// within one tick goes as one array. Messages are tuples, as a clone spends most of its time on the keys of objects.
//
// A *group* is the instances of one component in one worker. Turns are given to the group, and whichever instance is
// free takes the next: they begin in the order they were sent. Functions are known by their number in the list of
// wit/functions.ts.

import type { Grants, Recycling } from "../../domain/workload.ts";
import type { StreamInput, StreamOutput } from "../stream-messages.ts";
import type { EgressPermit, EgressRequest } from "../../lib/http-egress.ts";
import type { LogLevel } from "../../lib/log.ts";
import type { ExchangeInput, OutputMessage, RequestMessage } from "../wasi/http/messages.ts";
import type { InterfaceShape } from "../../lib/wit/type.ts";

/** How a component is instantiated. */
export interface GuestGlue {
  /** What the script evaluates to: LinkedInstantiate (link/linked-glue.ts), or Instantiate (prepare/glue.ts). */
  readonly kind: "linked" | "jco";
  readonly script: string;
  /** V8's code cache of the script; V8 ignores one that is not its own. Verified by whoever gives it. */
  readonly codeCache?: Uint8Array | undefined;
}

/** What the instances of a component have in common. */
export interface GuestSetup {
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
  /** Before a request of wasi:http/outgoing-handler is sent, the main thread is asked. */
  readonly asksEgress: boolean;
  readonly recycling: Recycling;
  /** Upper bound of each linear memory, in bytes. */
  readonly memory: number;
  /** Lines and log entries a second. */
  readonly logRate: number;
}

export interface GroupSetup extends GuestSetup {
  /** Unique in the process: what comes late from a group that is gone finds nobody. */
  readonly group: number;
  /** See cells.ts. */
  readonly cells: SharedArrayBuffer;
}

/** What a turn does in the guest. */
export type TurnBody =
  | readonly [kind: "call", target: number, args: readonly unknown[]]
  /** `target` is `handle` of wasi:http/incoming-handler. Returns an OutputMessage, the last one. */
  | readonly [kind: "http", target: number, request: RequestMessage];

/** How a linked import ended. */
export type ImportOutcome =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "err"; readonly payload: unknown }
  /** The main thread knows why; the guest's call ends. */
  | { readonly kind: "failed" };

/** In this order of fields; `payload` is what `value` and `err` carry. */
export type ReplyMessage = readonly [
  type: "reply",
  group: number,
  instance: number,
  request: number,
  kind: ImportOutcome["kind"],
  payload: unknown,
];

/** Whether a request may be sent. */
export type EgressAnswer =
  /** Undefined: the component's grants decide. */
  | { readonly kind: "permit"; readonly permit: EgressPermit | undefined }
  /** With the error-code of wasi:http. */
  | { readonly kind: "refused"; readonly code: unknown };

export type ToWorker =
  | readonly [type: "open", setup: GroupSetup]
  /** Answered by `closed` when nothing of the group is left. */
  | readonly [type: "close", group: number]
  /** Makes an instance; `place` is its number in the group's cells. Answered by `started` or `start-failed`. */
  | readonly [type: "start", group: number, instance: number, place: number]
  /** Answered by `returned`, `failed`, `cancelled` or `unstarted`. */
  | readonly [type: "turn", group: number, turn: number, body: TurnBody]
  /** Ends the instance if it has this turn. Answered by `retired`, or `kept` when it is past that turn. */
  | readonly [type: "expire", group: number, instance: number, turn: number]
  | ReplyMessage
  | readonly [type: "egress", group: number, instance: number, request: number, answer: EgressAnswer]
  /** About a stream that an import returned. */
  | readonly [type: "stream", group: number, instance: number, stream: number, input: StreamInput]
  /** About the request of a turn of kind `http`. */
  | readonly [type: "http", group: number, turn: number, input: ExchangeInput]
  /** Another configuration for the guests of the group. */
  | readonly [type: "configure", group: number, config: GuestSetup["config"]]
  | readonly [type: "release-memory"]
  /** Answered by `code-cache`. */
  | readonly [type: "code-cache", group: number, request: number];

/** Why a call, or the start of an instance, failed. */
export type GuestFailure =
  | { readonly kind: "err"; readonly payload: unknown }
  | { readonly kind: "trap"; readonly reason: string; readonly memory: number; readonly stack: boolean }
  /** Its values are more than the host has memory for. */
  | { readonly kind: "too-large"; readonly reason: string }
  | { readonly kind: "exit"; readonly status: number }
  /** An import failed; the main thread knows why. */
  | { readonly kind: "import" }
  /** The component asks for something that the runtime does not have. */
  | { readonly kind: "unserved"; readonly reason: string };

/** Why the worker ended an instance by itself. */
/** `exited`: a program that ended itself, and well. */
export type RetireReason = "failed" | "expired" | "exited" | keyof Recycling;

export type FromWorker =
  | readonly [type: "started", group: number, instance: number, memory: number, computed: number]
  | readonly [type: "start-failed", group: number, instance: number, failure: GuestFailure, computed: number]
  /** `computed` is the milliseconds that the guest's code ran. */
  | readonly [type: "returned", group: number, turn: number, value: unknown, computed: number]
  | readonly [type: "failed", group: number, turn: number, failure: GuestFailure, computed: number]
  /** Never begun: its client went before. */
  | readonly [type: "cancelled", group: number, turn: number]
  /** Given back, as no instance is left to take them. In the order they came. */
  | readonly [type: "unstarted", group: number, turns: readonly number[]]
  /** `computed` is what was not said before, of a turn that nobody hears the end of. */
  | readonly [type: "retired", group: number, instance: number, reason: RetireReason, computed: number]
  | readonly [type: "kept", group: number, instance: number]
  /** Sent when it changed: bytes of linear memory, all memories together. */
  | readonly [type: "memory", group: number, instance: number, bytes: number]
  | readonly [
      type: "import",
      group: number,
      /** 0 while the instance starts. */
      turn: number,
      instance: number,
      request: number,
      target: number,
      args: readonly unknown[],
    ]
  | readonly [type: "stream", group: number, instance: number, stream: number, output: StreamOutput]
  /** The guest has dropped what stands for a resource, of those that StreamResources.owners names. */
  | readonly [
      type: "dropped",
      group: number,
      instance: number,
      interfaceId: string,
      resource: string,
      representation: unknown,
    ]
  /** Answered by `egress`. The guest does not wait for it. */
  | readonly [type: "egress", group: number, instance: number, request: number, asked: EgressRequest]
  /** About the request of a turn of kind `http`, before it returns. */
  | readonly [type: "http", group: number, turn: number, output: OutputMessage]
  | readonly [type: "log", group: number, level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>]
  /** So many log entries were held back since this was last said. */
  | readonly [type: "held-back", group: number, count: number]
  | readonly [type: "closed", group: number]
  | readonly [type: "code-cache", group: number, request: number, bytes: Uint8Array | undefined];

/** Given to the worker when it is made. */
export interface WorkerSetup {
  /** See cells.ts. */
  readonly current: SharedArrayBuffer;
  /** See stack-pool.ts. */
  readonly stacks: StackBounds;
}

export interface StackBounds {
  /** Turns that may have begun at a time: each may hold a stack of its own. */
  readonly maxTurns: number;
  /** Stacks of so many bytes. */
  readonly stackSize: number;
  /** How many stacks the process may lose; the counter is one for all workers. */
  readonly maxLost: number;
  readonly lost: SharedArrayBuffer;
}
