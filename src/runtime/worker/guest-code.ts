// A component's code as the worker sees it, whichever glue it runs on.

import vm from "node:vm";
import type { BuiltinInterfaces } from "../link/host-functions.ts";
import type { Resource, WitType } from "../../lib/wit/type.ts";
import type { ListedFunction } from "../../lib/wit/functions.ts";
import type { GroupSetup, ImportOutcome } from "./protocol.ts";

/** What an instance is made from. */
export interface GuestParts {
  readonly setup: GroupSetup;
  readonly exports: readonly ListedFunction[];
  readonly imports: readonly ListedFunction[];
  readonly script: vm.Script;
  /** What the runtime serves by itself. */
  readonly builtins: BuiltinInterfaces;
  /** Asks the main thread, with plain values, for the function of that number in `imports`; `read` takes the answer. */
  readonly callImport: <T>(target: number, args: readonly unknown[], read: (outcome: ImportOutcome) => T) => Promise<T>;
  /** Makes the streams of what an import returned. Undefined when values of the type hold none. */
  readonly streamsOf: (type: WitType | undefined) => ((value: unknown) => unknown) | undefined;
  /** What stands for a stream that an import returned. Undefined for other resources. */
  readonly stream: (resource: Resource, value: unknown) => object | undefined;
  /** The guest has dropped a resource that is not the runtime's own. */
  readonly dropped: (interfaceName: string, resourceName: string, representation: unknown) => void;
  readonly instantiateCore: (module: WebAssembly.Module, imports: WebAssembly.Imports) => WebAssembly.Instance;
}

export interface GuestCode {
  /**
   * The result of an exported function, or its promise: of one that returns a `result` the object with `tag` and `val`,
   * otherwise the value.
   */
  call(target: number, args: readonly unknown[]): unknown;
}

/** The component asks for something that the runtime does not have. */
export class Unserved extends Error {
  override readonly name = "Unserved";
}

/** Ends the guest's call; the main thread knows the reason. */
export class ImportFailed extends Error {
  override readonly name = "ImportFailed";
}

export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Unserved(`it has no ${what}`);
  return value;
}

export function compileGlue({ glue, id }: GroupSetup): vm.Script {
  const cachedData = glue.codeCache;
  return new vm.Script(glue.script, {
    filename: `petiole-component:${id}`,
    ...(cachedData !== undefined && { cachedData: Buffer.from(cachedData) }),
  });
}
