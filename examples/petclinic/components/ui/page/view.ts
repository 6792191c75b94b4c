import type { Child } from "./dom.ts";

export interface Context {
  readonly address: URL;
  /** Aborted when another view is shown. */
  readonly signal: AbortSignal;
  /** Shows another view, and says what has happened. */
  readonly go: (address: string, notice?: string) => void;
}

export interface Shown {
  readonly title: string;
  readonly content: readonly Child[];
}
