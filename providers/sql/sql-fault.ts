/**
 * Whose fault it was that a statement did not work, as the contract tells them apart: the values given with it, the
 * statement itself, or anything else.
 */
export type FaultKind = "params" | "query" | "failed";

/** What kept a statement from working, in words that a component may see. */
export class SqlFault extends Error {
  override readonly name = "SqlFault";
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}

export const paramsFault = (found: string): SqlFault => new SqlFault("params", found);
export const queryFault = (found: string): SqlFault => new SqlFault("query", found);

/** The word before the colon is for programs. */
export type FailureWord =
  | "unreachable"
  | "timeout"
  | "busy"
  | "too-large"
  | "constraint"
  | "full"
  | "unrepresentable"
  | "failed";

export const failure = (word: FailureWord, found: string, cause?: unknown): SqlFault =>
  new SqlFault("failed", `${word}: ${found}`, { cause });

/** A statement that this database is not there for. */
export const denied = (found: string): SqlFault => queryFault(`denied: ${found}`);
