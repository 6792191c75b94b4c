// Between the agent and the short-lived process that transpiles one component.

/** The child's standard input, as JSON. */
export interface ChildRequest {
  /** Path of the component. */
  readonly input: string;
  readonly outputFolder: string;
}

/** The child's standard output: one line of JSON. The files are in the output folder when `ok`. */
export type ChildReport =
  | { readonly ok: true; readonly files: readonly string[] }
  /** The component is at fault. */
  | { readonly ok: false; readonly reason: string };

export const GLUE_FILE = "component.js";
