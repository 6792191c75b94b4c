// What the runtime offers to the host. Values that cross are in jco's JavaScript mapping (see src/provider/contract.ts).

import type { ComponentLimits, Digest, Grants, Isolation, Recycling } from "../domain/workload.ts";
import type { EgressPermit, EgressRequest } from "../lib/http-egress.ts";
import type { HttpRequest, HttpResponse } from "../lib/http-message.ts";
import type { Logger } from "../lib/log.ts";
import type { InterfaceShape } from "../lib/wit/type.ts";

/** A component that was validated and transpiled, with its artifacts in the cache. */
export interface PreparedComponent {
  readonly digest: Digest;
  /** Imported interfaces as the component names them, versions included; without those that only lend their types. */
  readonly imports: readonly string[];
  /** Exported interfaces as the component names them, versions included. */
  readonly exports: readonly string[];
  /** The same with their functions and types. */
  readonly shapes: { readonly imports: readonly InterfaceShape[]; readonly exports: readonly InterfaceShape[] };
  /** Size of the .wasm file in bytes. */
  readonly size: number;
}

/**
 * Serves an import of a running component: unversioned interface, WIT function name, arguments. Returns the ok value;
 * a rejection with `WitError` becomes the function's `err`, anything else ends the component's call with a typed error.
 */
export type ImportHandler = (interfaceName: string, functionName: string, args: readonly unknown[]) => Promise<unknown>;

/**
 * Decides about a request of `wasi:http/outgoing-handler`. Undefined when that is for the component's grants to say.
 * Rejects with `WitError` of the interface's `error-code`.
 */
export type EgressHandler = (request: EgressRequest) => Promise<EgressPermit | undefined>;

export interface InstanceOptions {
  /** Names the instance in logs and errors. */
  readonly id: string;
  /** Served through `wasi:cli/environment`. */
  readonly env: Readonly<Record<string, string>>;
  /** Served through `wasi:config/store`. */
  readonly config: Readonly<Record<string, string>>;
  readonly limits: ComponentLimits;
  readonly recycling: Recycling;
  readonly isolation: Isolation;
  readonly grants: Grants;
  readonly onImport: ImportHandler;
  /** Without it the grants alone decide. */
  readonly onEgress?: EgressHandler;
  readonly onEvent: (event: ComponentEvent) => void;
  readonly log: Logger;
}

/** A limit that was reached. */
export const LIMIT_NAMES = ["deadline", "memory", "queue", "cpu", "stack", "log"] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];

export type ComponentEvent =
  /** At most one a second for each limit; `count` is how often it was reached since the last one. */
  | { readonly kind: "limit-reached"; readonly limit: LimitName; readonly count: number }
  /** It failed again and again; new instances wait longer and longer. */
  | { readonly kind: "degraded"; readonly failures: number; readonly lastError: string }
  | { readonly kind: "recovered" }
  | { readonly kind: "recycled"; readonly reason: keyof Recycling };

export const NO_BREACHES: Readonly<Record<LimitName, number>> = {
  deadline: 0,
  memory: 0,
  queue: 0,
  cpu: 0,
  stack: 0,
  log: 0,
};

export interface RunningStats {
  readonly calls: number;
  /** Calls that ended otherwise than with a value or a returned `err`. */
  readonly failures: number;
  /** New instances made in place of ones that failed, or that were lost with a worker. */
  readonly restarts: number;
  /** Calls waiting or running. */
  readonly pending: number;
  readonly instances: number;
  /** Linear memory of its instances, in bytes. */
  readonly memory: number;
  /** Address space that is reserved for its instances and their suspended calls, in bytes. */
  readonly reserved: number;
  /** Milliseconds that its code computed. */
  readonly cpuTime: number;
  /** New instances made in place of ones that worked. */
  readonly recycled: number;
  /** How often each limit was reached. */
  readonly breaches: Readonly<Record<LimitName, number>>;
  readonly degraded: boolean;
}

/**
 * A component in a worker. With one instance, calls run one after another in the order they were made; with more, they
 * begin in that order.
 */
export interface RunningComponent extends AsyncDisposable {
  /**
   * Calls an exported function. `interfaceName` is unversioned.
   * @throws WitError when the function returned `err`
   * @throws PetioleError ERR_COMPONENT_TRAP, ERR_COMPONENT_DEADLINE, ERR_COMPONENT_MEMORY, ERR_COMPONENT_BUSY,
   *   ERR_COMPONENT_STOPPED, ERR_ADDRESS_SPACE, ERR_EXPORT_MISSING, ERR_LINK_INVALID when the arguments do not fit the function, or what
   *   `onImport` failed with (ERR_INVARIANT when that was no PetioleError, or when its answer did not fit)
   */
  call(interfaceName: string, functionName: string, args: readonly unknown[]): Promise<unknown>;
  /**
   * Has a request served by the component's `wasi:http/incoming-handler`. Resolves when it has answered. The deadline of
   * calls holds until it returns, which it may do later: when it has written the body. It counts for no failure of the
   * component when that waits for the rest of the request, or for its response to be read.
   * @throws PetioleError ERR_COMPONENT_RESPONSE when it answers with an error, not at all or not to the end; and as
   *   `call`
   * @throws the reason that the request was cancelled with
   */
  http(request: HttpRequest): Promise<HttpResponse>;
  /** What `wasi:config/store` has from now on; for calls that begin later, and those that are running. */
  configure(config: Readonly<Record<string, string>>): void;
  stats(): RunningStats;
}

/** Throws when a component may not be prepared. It must not change the bytes, nor keep them. */
export type Admission = (read: {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly digest: Digest;
}) => void | Promise<void>;

export interface Runtime extends AsyncDisposable {
  /**
   * Reads a component and checks it. What it takes to run it is made, unless the cache has it. `admit` is asked first,
   * about the bytes as they were read: what is prepared, and runs, is what it was asked about. The file may be another
   * one by then; it is read again only to become the same digest.
   * @throws PetioleError ERR_COMPONENT_UNREADABLE, ERR_COMPONENT_INVALID, ERR_COMPONENT_PREPARE
   * @throws what `admit` throws
   */
  prepare(file: string, signal: AbortSignal, admit?: Admission): Promise<PreparedComponent>;
  /** Interfaces the runtime serves by itself, unversioned: WASI 0.2, configuration, logging. */
  readonly builtin: ReadonlySet<string>;
  /**
   * @throws PetioleError ERR_COMPONENT_INVALID, ERR_COMPONENT_TRAP, ERR_COMPONENT_DEADLINE, ERR_COMPONENT_MEMORY,
   *   ERR_ADDRESS_SPACE
   */
  start(component: PreparedComponent, options: InstanceOptions): Promise<RunningComponent>;
}
