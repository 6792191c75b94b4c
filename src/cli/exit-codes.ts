import type { ErrorKind } from "../domain/errors.ts";

/** Exit codes of `petiole`, by whose turn it is. Documented in `docs/cli.md`. */
export const EXIT = {
  ok: 0,
  /** A bug of petiole; please report it. */
  bug: 1,
  /** The command line, the configuration or a component has a fault. */
  user: 2,
  /** Something outside failed: no agent answers, a server or a disk is gone. */
  environment: 3,
} as const satisfies Record<ErrorKind | "ok", number>;
