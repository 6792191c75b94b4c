import { MisfitValue } from "../../../lib/wit/value.ts";

/** The path is put together on the way out: most values fit, and then nothing is spent on it. */
export function under(step: string, error: unknown): unknown {
  return error instanceof MisfitValue ? new MisfitValue(error.reason, step + error.path) : error;
}
