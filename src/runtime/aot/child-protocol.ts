// Between `compileAhead` and the process that compiles, which may be an emulated one.

import type { ErrorCode } from "../../domain/errors.ts";

/** Standard input, as JSON. */
export interface AheadRequest {
  /** Path of the component. */
  readonly component: string;
  /** Where the entry is made, as an agent makes it. */
  readonly cacheDir: string;
  /** Bytes of each memory, and entries of each table. */
  readonly memory: number;
  readonly table: number;
  /** Path of recorded calls. */
  readonly warmUp: string | undefined;
  /** Calls to serve at least, by repeating the recorded ones. */
  readonly calls: number;
  /** Path of the add-on. */
  readonly nativeAddon: string;
}

/** Standard output: one line of JSON. */
export type AheadReport =
  | {
      readonly ok: true;
      readonly calls: number;
      /** Calls that ended otherwise than with a value or an `err`, and why the first did. */
      readonly failures: number;
      readonly firstFailure: string | undefined;
    }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };
