// What our own glue is to the worker: a script that evaluates to a function which instantiates the component.
//
// Values are in the JavaScript mapping of wit/value.ts on both sides. A function whose result is a `result` returns the
// tagged object, `{ tag: "ok" | "err", val }`; `err` is never thrown. Handles of host resources are what the host gave
// out (its representation: any value but undefined); handles of the component's own resources do not leave it.

/** Serves an import. Called with the lifted arguments; what it throws or rejects with passes through the guest's frames. */
export type HostFunction = (...args: never[]) => unknown;

export interface GlueHost {
  /** The n-th core module of the component. */
  coreModule(index: number): WebAssembly.Module;
  instantiateCore(module: WebAssembly.Module, imports: WebAssembly.Imports): WebAssembly.Instance;
  /** Asked once for each imported function, while instantiating. Names as the component has them. */
  hostFunction(interfaceName: string, functionName: string): HostFunction;
  /** The component gave up an owned handle. */
  dropResource(interfaceName: string, resourceName: string, representation: unknown): void;
  /** The canonical ABI's parts that are the same for every component: see link/abi.ts. */
  readonly abi: unknown;
}

/**
 * Lifted arguments go in, the lifted result comes out: as a promise when the function may come to call an import that
 * waits, at once otherwise. Throws, or rejects with, what an import threw; MisfitValue when an argument does not fit;
 * MisfitAnswer (link/abi.ts), which is a MisfitValue too, when what an import answered does not fit;
 * WebAssembly.RuntimeError and RangeError for traps; GuestTrap (link/abi.ts) when the component broke the canonical ABI.
 * After any of these but MisfitValue of an argument, the instance must not be used again.
 */
export type ExportedFunction = (...args: unknown[]) => unknown;

export interface LinkedInstance {
  /** Undefined when there is no such export. Names as the component has them. */
  exported(interfaceName: string, functionName: string): ExportedFunction | undefined;
}

/** A glue script evaluates to it. */
export type LinkedInstantiate = (host: GlueHost) => LinkedInstance;
