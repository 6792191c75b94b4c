import { isPetioleError } from "../domain/errors.ts";
import { EXIT } from "./exit-codes.ts";

/**
 * Prints an error as people want to read it; the code stands first, for searching in the documentation. Gives the exit
 * code for it.
 */
export function report(error: unknown): number {
  if (isPetioleError(error)) {
    console.error(`petiole: ${error.code}: ${error.message}`);
    return EXIT[error.kind];
  }
  console.error("petiole: this is a bug, please report it:", error);
  return EXIT.bug;
}
