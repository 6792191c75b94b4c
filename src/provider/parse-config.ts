import { z } from "zod";
import { PetioleError } from "../domain/errors.ts";

/**
 * Checks the configuration of a provider or of a link; null and undefined count as empty.
 * @throws PetioleError ERR_PROVIDER_CONFIG listing every fault with its path
 */
export function parseProviderConfig<T>(what: string, schema: z.ZodType<T>, raw: unknown): T {
  const result = schema.safeParse(raw ?? {});
  if (result.success) return result.data;
  throw new PetioleError(
    "ERR_PROVIDER_CONFIG",
    `Cannot use the configuration of ${what}:\n${z.prettifyError(result.error)}`,
    { cause: result.error },
  );
}
